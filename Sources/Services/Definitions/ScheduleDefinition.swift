import JSONTree
package import Timetables
package import Vocabulary
import Workflows

/// When a channel of the protocol `cron` runs, with what, and what becomes of runs that were missed or overlap: its
/// `transport_config`.
package struct ScheduleDefinition: Sendable {
    /// What becomes of instants that passed while nobody was there to run them.
    package enum Misfire: String, Sendable, CaseIterable {
        case skip
        /// The newest of them runs.
        case latest
        /// They run one after the other, oldest first, up to ``ScheduleDefinition/maxCatchUp``.
        case catchUp = "catch_up"
    }

    /// What becomes of a run whose turn comes while others are not done.
    package enum Overlap: String, Sendable, CaseIterable {
        case allow, forbid
        /// It waits for its turn.
        case queue
    }

    package var expression: CronExpression
    package var zone: ZoneRules
    /// JSON text of an object: what the run is given.
    package var payload: [UInt8]
    package var misfire: Misfire
    package var maxCatchUp: Int
    package var overlap: Overlap
    /// Channels that name the same key share its slots; `nil` for the channel's own id.
    package var key: String?
    /// Runs at a time; for `forbid` and `queue`.
    package var slots: Int
    /// Runs that may wait; for `queue`.
    package var maxQueued: Int

    private static let mostPayloadBytes = 1 << 20
    /// Guards for callers, of which a schedule has none.
    private static let refusedConfig = [
        "auth", "origin_allow_list", "cors", "rate_limit", "principal_rate_limit", "deduplication", "cache", "request",
        "response", "mcp",
    ]

    /// - Returns: the schedule where it can be read; what is wrong is reported.
    static func read(_ channel: inout InputReader) -> ScheduleDefinition? {
        refuseWhatCallersNeed(&channel)
        guard let value = channel.field("transport_config") else {
            channel.report(
                .init(
                    "transport_config", .requiredForProtocol,
                    "A cron channel needs its schedule, such as {\"schedule\": \"0 */5 * * * *\"}."))
            return nil
        }
        var reader = InputReader(value, at: "transport_config")
        defer { channel.absorb(reader) }
        guard value.isObject else {
            reader.report(.init("transport_config", .typeMismatch, "This must be an object.", expected: "object"))
            return nil
        }
        reader.checkNames(["schedule", "timezone", "payload", "misfire_policy", "max_catch_up", "concurrency"])
        let zone = zone(&reader)
        let expression = expression(&reader, zone)
        let payload = payload(&reader)
        let misfire = word(&reader, "misfire_policy", Misfire.self) ?? .latest
        let maxCatchUp = reader.integer("max_catch_up", in: 1...1000)
        if maxCatchUp != nil, misfire != .catchUp {
            reader.report(
                .init(reader.at("max_catch_up"), .invalid, "This goes with the misfire_policy `catch_up` only."))
        }
        var overlap = (policy: Overlap.allow, key: String?.none, slots: 1, maxQueued: 100)
        if let value = reader.field("concurrency") { overlap = concurrency(value, &reader) }
        guard let expression, let zone else { return nil }
        return ScheduleDefinition(
            expression: expression, zone: zone, payload: payload, misfire: misfire, maxCatchUp: maxCatchUp ?? 100,
            overlap: overlap.policy, key: overlap.key, slots: overlap.slots, maxQueued: overlap.maxQueued)
    }

    /// The next instants, soonest first.
    package func next(_ count: Int, after moment: Timestamp) -> [Timestamp] {
        var found: [Timestamp] = []
        var last = moment
        while found.count < count, let next = expression.next(after: last, in: zone) {
            found.append(next)
            last = next
        }
        return found
    }

    private static func refuseWhatCallersNeed(_ channel: inout InputReader) {
        for name in ["methods", "route_pattern", "topic", "consumer_group"] where channel.field(name) != nil {
            channel.report(.init(name, .invalid, "A cron channel has no \(name): nobody calls it."))
        }
        let config = channel.field("config")
        for name in refusedConfig where config?.isObject == true && config?.member(name)?.isNull == false {
            channel.report(
                .init("config.\(name)", .invalid, "A cron channel has no \(name): it is for callers, and it has none."))
        }
    }

    private static func zone(_ reader: inout InputReader) -> ZoneRules? {
        guard reader.field("timezone") != nil else { return .utc }
        guard let name = reader.string("timezone", maxLength: 64) else { return nil }
        do throws(ZoneDatabase.Fault) { return try ZoneDatabase.rules(name) } catch {
            reader.report(.init(reader.at("timezone"), .invalid, error.message, got: name))
            return nil
        }
    }

    private static func expression(_ reader: inout InputReader, _ zone: ZoneRules?) -> CronExpression? {
        guard let text = reader.string("schedule", maxLength: 255) else {
            if reader.field("schedule") == nil {
                reader.report(.init(reader.at("schedule"), .required, "This field is required."))
            }
            return nil
        }
        do throws(CronExpression.Malformed) {
            let expression = try CronExpression(text)
            if expression.next(after: .now(), in: zone ?? .utc) == nil {
                reader.report(
                    .init(
                        reader.at("schedule"), .invalid,
                        "This is not met once in the next \(CronExpression.horizonYears) years.", got: text))
            }
            return expression
        } catch {
            reader.report(.init(reader.at("schedule"), .invalid, error.message, got: text))
            return nil
        }
    }

    private static func payload(_ reader: inout InputReader) -> [UInt8] {
        guard let value = reader.field("payload") else { return Array("{}".utf8) }
        guard value.isObject else {
            reader.report(
                .init(reader.at("payload"), .typeMismatch, "The payload must be an object.", expected: "object"))
            return []
        }
        refuseReferences(value, at: reader.at("payload"), &reader)
        let bytes = JSONWriter.bytes(value)
        if bytes.count > mostPayloadBytes {
            reader.report(.init(reader.at("payload"), .tooLong, "This may have at most \(mostPayloadBytes) bytes."))
        }
        return bytes
    }

    /// Nothing resolves references here, and what they name would stand in every trace.
    private static func refuseReferences(_ value: JSONValue, at path: String, _ reader: inout InputReader) {
        if value.isObject {
            for place in 0..<value.count {
                let name = value.key(at: place).stringValue ?? ""
                refuseReferences(value.value(at: place), at: "\(path).\(name)", &reader)
            }
        } else if value.isArray {
            for place in 0..<value.count { refuseReferences(value[place], at: "\(path)[\(place)]", &reader) }
        } else if let text = value.stringValue,
            ["env://", "file://", "vault://", "secret://", "var://"].contains(where: { text.hasPrefix($0) })
        {
            reader.report(
                .init(path, .invalid, "A payload has no references to secrets; let a connector have them.", got: text))
        }
    }

    private static func word<Word: RawRepresentable<String> & CaseIterable>(
        _ reader: inout InputReader, _ field: String, _ type: Word.Type
    ) -> Word? {
        guard let text = reader.string(field) else { return nil }
        if let word = Word(rawValue: text) { return word }
        reader.report(
            .init(
                reader.at(field), .invalid, "This is none of the words allowed here.",
                expected: Word.allCases.map(\.rawValue).joined(separator: ", "), got: text))
        return nil
    }

    private static func concurrency(
        _ value: JSONValue, _ parent: inout InputReader
    ) -> (policy: Overlap, key: String?, slots: Int, maxQueued: Int) {
        var reader = InputReader(value, at: "transport_config.concurrency")
        defer { parent.absorb(reader) }
        guard value.isObject else {
            reader.report(
                .init(reader.path, .typeMismatch, "This must be an object.", expected: "object", got: "\(value.kind)"))
            return (.allow, nil, 1, 100)
        }
        reader.checkNames(["policy", "key", "slots", "max_queued"])
        let policy = word(&reader, "policy", Overlap.self) ?? .allow
        let key = reader.string("key")
        if let key, !WorkflowNames.isIdentifier(key) {
            reader.report(.init(reader.at("key"), .invalid, WorkflowNames.identifierRule, got: key))
        }
        let slots = reader.integer("slots", in: 1...64)
        let maxQueued = reader.integer("max_queued", in: 1...1000)
        if policy == .allow {
            for name in ["key", "slots"] where reader.field(name) != nil {
                reader.report(
                    .init(reader.at(name), .invalid, "This goes with the policies `forbid` and `queue` only."))
            }
        }
        if policy != .queue, maxQueued != nil {
            reader.report(.init(reader.at("max_queued"), .invalid, "This goes with the policy `queue` only."))
        }
        return (policy, key, slots ?? 1, maxQueued ?? 100)
    }
}
