import Definitions
import JSONTree
import Schedules
import Storage
import Timetables
import Vocabulary

/// Schedules: what is to come, what became of what was due, and runs by hand.
enum ScheduleHandlers {
    static let routes: [AdminRoute] = [
        .init(
            "GET", "/api/v1/admin/cron/status", tag: "schedules", "The live schedules: next instants, last occurrence",
            query: ["count", "limit", "offset"], answer: .page("ScheduleStatus")
        ) { try await status($0, $1) },
        .init(
            "GET", "/api/v1/admin/cron/next", tag: "schedules", "When a schedule would run, without saving it",
            query: ["schedule", "timezone", "count"], answer: .one("ScheduleInstants")
        ) { try next($0, $1) },
        .init(
            "GET", "/api/v1/admin/cron/occurrences", tag: "schedules", "What became of what was due, latest first",
            query: ["channel_id", "status", "since", "until", "limit", "offset", "include_total"],
            answer: .page("Occurrence")
        ) { try await list($0, $1) },
        .init(
            "GET", "/api/v1/admin/cron/occurrences/{id}", tag: "schedules", "One occurrence", answer: .one("Occurrence")
        ) { try await read($0, $1) },
        .init(
            "POST", "/api/v1/admin/cron/occurrences/{id}/retry", tag: "schedules",
            "Another attempt at one that failed, was skipped or cancelled", answer: .one("Occurrence"), success: 202
        ) { try await retry($0, $1) },
        .init(
            "POST", "/api/v1/admin/cron/occurrences/{id}/cancel", tag: "schedules", "Take back one that waits",
            answer: .one("Occurrence")
        ) { try await cancel($0, $1) },
        .init(
            "POST", "/api/v1/admin/channels/{id}/trigger", tag: "schedules", "Run a schedule's channel now",
            answer: .one("Occurrence"), success: 202
        ) { try await trigger($0, $1) },
    ]

    private static func identifier(_ call: AdminCall) throws(Problem) -> Identifier {
        guard let id = Identifier(call.parameters[0]) else {
            throw Problem(.notFound, "There is no occurrence `\(call.parameters[0].prefix(64))`.")
        }
        return id
    }

    private static func checkQuery(_ call: AdminCall, _ known: [String]) throws(Problem) {
        guard let unknown = call.query.keys.sorted().first(where: { !known.contains($0) }) else { return }
        throw Problem(
            .validation, "There is no parameter `\(unknown.prefix(64))`.",
            details: [
                .init(
                    String(unknown.prefix(64)), .unknownField, "This is no parameter here.",
                    expected: known.joined(separator: ", "))
            ])
    }

    private static func count(_ call: AdminCall) -> Int {
        max(1, min(100, call.query["count"].flatMap { Int($0) } ?? 5))
    }

    // MARK: - Schedules

    private static func status(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        try checkQuery(call, ["count", "limit", "offset"])
        let (schedules, total) = try await api.schedules.overview(
            limit: call.limit, offset: call.offset, next: count(call))
        var buffer = JSONByteBuffer()
        buffer.append("{\"data\":[")
        for (place, schedule) in schedules.enumerated() {
            if place > 0 { buffer.append(",") }
            ScheduleDocument.write(schedule, isRunning: api.control.isRunning, into: &buffer)
        }
        buffer.append("],\"limit\":")
        buffer.append(integer: Int64(call.limit))
        buffer.append(",\"offset\":")
        buffer.append(integer: Int64(call.offset))
        buffer.append(",\"total\":")
        buffer.append(integer: Int64(total))
        buffer.append("}")
        return AdminResponse(status: 200, headers: [("cache-control", "no-store")], body: buffer.bytes)
    }

    private static func next(_ api: AdminAPI, _ call: AdminCall) throws(Problem) -> AdminResponse {
        try checkQuery(call, ["schedule", "timezone", "count"])
        func refuse(_ field: String, _ code: Problem.Detail.Code, _ reason: String) -> Problem {
            Problem(.validation, "The \(field) is not valid.", details: [.init(field, code, reason)])
        }
        guard let text = call.query["schedule"] else { throw refuse("schedule", .required, "This is required.") }
        let zone: ZoneRules
        let expression: CronExpression
        do throws(ZoneDatabase.Fault) { zone = try ZoneDatabase.rules(call.query["timezone"] ?? "UTC") } catch {
            throw refuse("timezone", .invalid, error.message)
        }
        do throws(CronExpression.Malformed) { expression = try CronExpression(text) } catch {
            throw refuse("schedule", .invalid, error.message)
        }
        var instants: [Timestamp] = []
        while instants.count < count(call),
            let instant = expression.next(after: instants.last ?? api.clock.now(), in: zone)
        { instants.append(instant) }
        return .data(headers: [("cache-control", "no-store")]) { buffer in
            buffer.append("{\"schedule\":")
            JSONWriter.write(text, into: &buffer)
            buffer.append(",\"timezone\":")
            JSONWriter.write(zone.name, into: &buffer)
            buffer.append(",\"next\":")
            ScheduleDocument.write(instants, into: &buffer)
            buffer.append("}")
        }
    }

    // MARK: - Occurrences

    private static func filter(_ call: AdminCall) throws(Problem) -> OccurrenceFilter {
        var filter = OccurrenceFilter(channelID: call.query["channel_id"])
        if let name = call.query["status"] {
            // One that runs is a claimed one.
            let known = OccurrenceStatus.allCases.first { $0.name == (name == "running" ? "claimed" : name) }
            guard let known else {
                throw Problem(
                    .validation, "There is no occurrence status `\(name.prefix(64))`.",
                    details: [
                        .init(
                            "status", .invalid, "This is no status.",
                            expected: OccurrenceStatus.allCases.map(\.name).joined(separator: ", "))
                    ])
            }
            filter.status = known
        }
        filter.since = try time(call, "since")
        filter.until = try time(call, "until")
        return filter
    }

    private static func time(_ call: AdminCall, _ name: String) throws(Problem) -> Timestamp? {
        guard let text = call.query[name] else { return nil }
        if let time = Timestamp(rfc3339: text) { return time }
        throw Problem(
            .validation, "The \(name) is no time.",
            details: [.init(name, .invalid, "Write it as 2026-01-31T08:15:30Z.", got: String(text.prefix(64)))])
    }

    private static func list(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        try checkQuery(call, ["channel_id", "status", "since", "until", "limit", "offset", "include_total"])
        let filter = try filter(call)
        let records = try await api.store.occurrences(filter, limit: call.limit, offset: call.offset)
        let total = call.flag("include_total") ? try await api.store.countOccurrences(filter) : nil
        var buffer = JSONByteBuffer()
        buffer.append("{\"data\":[")
        for (place, record) in records.enumerated() {
            if place > 0 { buffer.append(",") }
            ScheduleDocument.write(record, isRunning: api.control.isRunning(record.id), into: &buffer)
        }
        buffer.append("],\"limit\":")
        buffer.append(integer: Int64(call.limit))
        buffer.append(",\"offset\":")
        buffer.append(integer: Int64(call.offset))
        if let total {
            buffer.append(",\"total\":")
            buffer.append(integer: Int64(total))
        }
        buffer.append("}")
        return AdminResponse(status: 200, headers: [("cache-control", "no-store")], body: buffer.bytes)
    }

    private static func read(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        response(try await api.schedules.occurrence(try identifier(call)), api)
    }

    private static func retry(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let record = try await api.schedules.retry(try identifier(call))
        try await audit(api, call, "retry", "occurrence", record.id.description)
        return response(record, api, status: 202)
    }

    private static func cancel(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let record = try await api.schedules.cancel(try identifier(call))
        try await audit(api, call, "cancel", "occurrence", record.id.description)
        return response(record, api)
    }

    private static func trigger(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let record = try await api.schedules.trigger(call.parameters[0])
        try await audit(api, call, "trigger", "channel", record.channelID)
        return response(record, api, status: 202)
    }

    private static func audit(
        _ api: AdminAPI, _ call: AdminCall, _ action: String, _ type: String, _ id: String
    ) async throws {
        try await api.store.appendAudit([AuditEntry.make(call, action: action, type, id, at: api.clock.now())])
    }

    private static func response(
        _ record: OccurrenceRecord, _ api: AdminAPI, status: Int = 200
    ) -> AdminResponse {
        .data(status, headers: [("cache-control", "no-store")]) {
            ScheduleDocument.write(record, isRunning: api.control.isRunning(record.id), into: &$0)
        }
    }
}
