import JSONTree
import Workflows

/// A tool as `tools/list` shows it.
struct ToolListing {
    var name: String
    var title: String
    var summary: String
    /// JSON text.
    var inputSchema: [UInt8]
    var hints: Hints

    /// What a client may tell its user before a call (specification, ToolAnnotations).
    struct Hints: Sendable {
        var readOnly = false
        var destructive = false
        var idempotent = false
        /// Reaches systems beyond this server.
        var openWorld = false
    }

    func write(into buffer: inout JSONByteBuffer) {
        func flag(_ name: StaticString, _ value: Bool, _ buffer: inout JSONByteBuffer) {
            buffer.append(name)
            buffer.append(value ? "true" : "false")
        }
        buffer.append("{\"name\":")
        JSONWriter.write(name, into: &buffer)
        buffer.append(",\"title\":")
        JSONWriter.write(title, into: &buffer)
        buffer.append(",\"description\":")
        JSONWriter.write(summary, into: &buffer)
        buffer.append(",\"inputSchema\":")
        buffer.append(inputSchema)
        flag(",\"annotations\":{\"readOnlyHint\":", hints.readOnly, &buffer)
        flag(",\"destructiveHint\":", hints.destructive, &buffer)
        flag(",\"idempotentHint\":", hints.idempotent, &buffer)
        flag(",\"openWorldHint\":", hints.openWorld, &buffer)
        buffer.append("}}")
    }

    /// The JSON Schema of a list of fields.
    static func schema(of fields: [FunctionDescription.Field]) -> [UInt8] {
        var buffer = JSONByteBuffer()
        buffer.append("{\"type\":\"object\",\"properties\":{")
        for (place, field) in fields.enumerated() {
            if place > 0 { buffer.append(",") }
            JSONWriter.write(field.name, into: &buffer)
            buffer.append(":{\"description\":")
            JSONWriter.write(field.summary, into: &buffer)
            switch field.type {
            case .string, .path: buffer.append(",\"type\":\"string\"")
            case .boolean: buffer.append(",\"type\":\"boolean\"")
            case .integer: buffer.append(",\"type\":\"integer\"")
            case .object: buffer.append(",\"type\":\"object\"")
            case .array: buffer.append(",\"type\":\"array\"")
            case .logic, .any: break
            }
            if !field.choices.isEmpty {
                buffer.append(",\"enum\":[")
                for (index, choice) in field.choices.enumerated() {
                    if index > 0 { buffer.append(",") }
                    JSONWriter.write(choice, into: &buffer)
                }
                buffer.append("]")
            }
            buffer.append("}")
        }
        buffer.append("},\"required\":[")
        for (place, field) in fields.filter(\.isRequired).enumerated() {
            if place > 0 { buffer.append(",") }
            JSONWriter.write(field.name, into: &buffer)
        }
        buffer.append("],\"additionalProperties\":false}")
        return buffer.bytes
    }
}
