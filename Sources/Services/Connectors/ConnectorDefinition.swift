package import JSONTree
package import Vocabulary
import Workflows

/// A connector's content, read and typed.
package struct ConnectorDefinition: Sendable {
    package enum Settings: Sendable {
        case http(HTTPConnectorConfig)
        case database(DatabaseConnectorConfig)
        case cache(CacheConnectorConfig)
    }

    package var name: String
    package var settings: Settings

    package static let kinds = ["http", "db", "cache"]

    /// - Parameter isOpened: whether references were followed already: then where it leads is judged by who opens it.
    /// - Returns: the connector where all is well, and everything that is wrong with it.
    package static func parse(_ body: JSONValue, isOpened: Bool = false) -> (ConnectorDefinition?, [Problem.Detail]) {
        var reader = InputReader(body, at: "")
        guard body.isObject else {
            reader.report(.init("body", .typeMismatch, "A connector must be an object.", expected: "object"))
            return (nil, reader.details)
        }
        reader.checkNames(["id", "name", "description", "connector_type", "config", "enabled", "tags"])
        if let id = reader.string("id"), !WorkflowNames.isIdentifier(id) {
            reader.report(.init("id", .invalid, WorkflowNames.identifierRule, got: id))
        }
        _ = reader.string("description", maxLength: 2048)
        _ = reader.flag("enabled")
        let name = reader.string("name", maxLength: 255) ?? ""
        if name.allSatisfy(\.isWhitespace), reader.field("name") == nil || reader.field("name")?.isString == true {
            reader.report(.init("name", .required, "This field is required."))
        }
        if let tags = reader.field("tags"), !tags.isArray || (0..<tags.count).contains(where: { !tags[$0].isString }) {
            reader.report(.init("tags", .typeMismatch, "Tags must be an array of strings.", expected: "array"))
        }
        let settings = settings(&reader, isOpened)
        guard reader.details.isEmpty, let settings else { return (nil, reader.details) }
        return (ConnectorDefinition(name: name, settings: settings), [])
    }

    private static func settings(_ reader: inout InputReader, _ isOpened: Bool) -> Settings? {
        guard let kind = reader.string("connector_type"), kinds.contains(kind) else {
            let got = reader.field("connector_type")?.stringValue
            reader.report(
                .init(
                    "connector_type", got == nil ? .required : .invalid, "This is no kind of connector.",
                    expected: kinds.joined(separator: ", "), got: got))
            return nil
        }
        guard let config = reader.field("config"), config.isObject else {
            reader.report(
                .init(
                    "config", reader.field("config") == nil ? .required : .typeMismatch,
                    "The config must be an object.",
                    expected: "object"))
            return nil
        }
        var inner = InputReader(config, at: "config")
        defer { reader.absorb(inner) }
        if let type = inner.string("type"), type != kind {
            inner.report(.init("config.type", .invalid, "The type is not the connector's.", expected: kind, got: type))
        }
        switch kind {
        case "db": return DatabaseConnectorConfig.read(&inner).map { .database($0) }
        case "cache": return CacheConnectorConfig.read(&inner, isOpened: isOpened).map { .cache($0) }
        default: return HTTPConnectorConfig.read(&inner).map { .http($0) }
        }
    }
}
