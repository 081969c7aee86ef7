import JSONTree
import Vocabulary
import Workflows

/// A channel as a tool of AI clients: its `config.mcp`. Without it, or not enabled, it is none.
package struct ChannelToolConfig: Sendable {
    /// What the tool is for, in words for the client; the channel's own description where none is given.
    package var description: String
    /// JSON text of a JSON Schema of type object: what clients are told the payload looks like. What is refused is the
    /// channel's validation rule's business.
    package var inputSchema: [UInt8]

    static let longestDescription = 2048
    private static let anything = Array(#"{"type":"object"}"#.utf8)

    static func read(_ value: JSONValue, _ parent: inout InputReader, channel: JSONValue) -> ChannelToolConfig? {
        var reader = InputReader(value, at: "config.mcp")
        defer { parent.absorb(reader) }
        guard value.isObject else {
            reader.report(.init("config.mcp", .typeMismatch, "This must be an object.", expected: "object"))
            return nil
        }
        reader.checkNames(["enabled", "description", "input_schema"])
        if reader.field("enabled") == nil {
            reader.report(.init(reader.at("enabled"), .required, "This field is required."))
        }
        let isEnabled = reader.flag("enabled") ?? false
        let description = reader.string("description", maxLength: longestDescription)
        let schema = reader.field("input_schema")
        if let schema, !schema.isObject || schema.member("type")?.stringValue != "object" {
            reader.report(
                .init(
                    reader.at("input_schema"), .invalid, "This must be a JSON Schema with the type object.",
                    expected: #"{"type":"object",…}"#))
        }
        guard isEnabled, reader.details.isEmpty else { return nil }
        let fallback = channel.member("description")?.stringValue ?? "Calls this channel of the server."
        return ChannelToolConfig(
            description: description ?? fallback, inputSchema: schema.map { JSONWriter.bytes($0) } ?? anything)
    }
}
