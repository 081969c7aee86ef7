import JSONLogic
package import JSONTree
package import Vocabulary
import Workflows

/// A channel's content, read and typed: what serving it needs.
package struct ChannelDefinition: Sendable {
    package var name: String
    package var isAsync: Bool
    package var methods: [String]
    package var routePattern: String?
    package var workflowID: String?
    package var priority: Int
    package var config: ChannelConfig
    /// When it runs by itself; for channels of the protocol `cron`, which nobody can call.
    package var schedule: ScheduleDefinition?

    static let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]

    /// - Returns: the channel where it can be read at all, and everything that is wrong with it.
    package static func parse(_ body: JSONValue) -> (ChannelDefinition?, [Problem.Detail]) {
        var reader = InputReader(body, at: "")
        guard body.isObject else {
            reader.report(.init("body", .typeMismatch, "A channel must be an object.", expected: "object"))
            return (nil, reader.details)
        }
        reader.checkNames([
            "channel_id", "name", "description", "channel_type", "protocol", "methods", "route_pattern", "topic",
            "consumer_group", "transport_config", "workflow_id", "config", "priority", "tags",
        ])
        let name = head(&reader)
        let isAsync = word(&reader, "channel_type", ["sync", "async"], required: true) == "async"
        let isScheduled = word(&reader, "protocol", ["rest", "http", "cron"], required: true) == "cron"
        let schedule = isScheduled ? ScheduleDefinition.read(&reader) : nil
        if isScheduled, !isAsync, reader.field("channel_type")?.stringValue == "sync" {
            reader.report(
                .init(
                    "channel_type", .invalid, "A cron channel is async: nobody waits for its reply.", expected: "async",
                    got: "sync"))
        }
        let methods = methodList(&reader)
        let pattern = reader.string("route_pattern", maxLength: 255)
        if let pattern, let fault = RoutePattern.fault(in: pattern) {
            reader.report(.init("route_pattern", .invalid, fault, got: pattern))
        }
        for name in ["topic", "consumer_group", "transport_config"] where !isScheduled {
            guard let given = reader.field(name), !(given.isObject && given.count == 0) else { continue }
            reader.report(.init(name, .invalid, "Channels of the protocols rest and http have no \(name)."))
        }
        let priority = reader.integer("priority", in: -1_000_000...1_000_000) ?? 0
        let config = ChannelConfig.read(&reader)
        let channel = ChannelDefinition(
            name: name, isAsync: isAsync, methods: methods, routePattern: pattern,
            workflowID: reader.string("workflow_id", maxLength: 128), priority: priority, config: config,
            schedule: schedule)
        return (channel, reader.details)
    }

    private static func head(_ reader: inout InputReader) -> String {
        if let id = reader.string("channel_id"), !WorkflowNames.isIdentifier(id) {
            reader.report(.init("channel_id", .invalid, WorkflowNames.identifierRule, got: id))
        }
        _ = reader.string("description", maxLength: 2048)
        if let tags = reader.field("tags"), !tags.isArray || (0..<tags.count).contains(where: { !tags[$0].isString }) {
            reader.report(.init("tags", .typeMismatch, "Tags must be an array of strings.", expected: "array"))
        }
        guard let name = reader.string("name", maxLength: 255) else {
            if reader.field("name") == nil { reader.report(.init("name", .required, "This field is required.")) }
            return ""
        }
        if name.isEmpty || name.allSatisfy(\.isWhitespace) {
            reader.report(.init("name", .invalid, "The name must not be empty."))
        }
        return name
    }

    private static func word(
        _ reader: inout InputReader, _ field: String, _ words: [String], required: Bool
    ) -> String? {
        guard let text = reader.string(field) else {
            if required, reader.field(field) == nil {
                reader.report(
                    .init(field, .required, "This field is required.", expected: words.joined(separator: ", ")))
            }
            return nil
        }
        if !words.contains(text) {
            reader.report(
                .init(
                    field, .invalid, "This is none of the words this release knows.",
                    expected: words.joined(separator: ", "), got: text))
        }
        return text
    }

    private static func methodList(_ reader: inout InputReader) -> [String] {
        guard let list = reader.field("methods") else {
            if reader.field("route_pattern") != nil {
                reader.report(.init("methods", .requiredForProtocol, "A route needs at least one method."))
            }
            return []
        }
        guard list.isArray, list.count > 0 else {
            reader.report(.init("methods", .invalid, "This must be a non-empty array.", expected: "array"))
            return []
        }
        var found: [String] = []
        for index in 0..<list.count {
            let method = list[index].stringValue ?? ""
            if !methods.contains(method) {
                reader.report(
                    .init(
                        "methods[\(index)]", .invalid, "This is no method.", expected: methods.joined(separator: ", "),
                        got: method))
            } else if found.contains(method) {
                reader.report(.init("methods[\(index)]", .duplicateField, "This method is listed twice.", got: method))
            }
            found.append(method)
        }
        return found
    }
}
