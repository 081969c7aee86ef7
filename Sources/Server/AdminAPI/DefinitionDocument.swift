import Connectors
import Definitions
import JSONTree
import Storage
import Vocabulary

/// How a version of a definition is shown.
enum DefinitionDocument {
    static func write(_ record: DefinitionRecord, into buffer: inout JSONByteBuffer) {
        guard record.kind != .connector else { return ConnectorDocument.write(record, nil, into: &buffer) }
        buffer.append(record.kind == .workflow ? "{\"workflow_id\":" : "{\"channel_id\":")
        JSONWriter.write(record.id, into: &buffer)
        buffer.append(",\"version\":")
        buffer.append(integer: Int64(record.version))
        buffer.append(",\"status\":")
        JSONWriter.write(record.status.rawValue, into: &buffer)
        if record.kind == .workflow {
            buffer.append(",\"rollout_percentage\":")
            buffer.append(integer: Int64(record.rolloutPercentage))
        }
        buffer.append(",\"content_hash\":")
        JSONWriter.write(record.contentHash, into: &buffer)
        buffer.append(",\"created_at\":")
        JSONWriter.write(record.createdAt.rfc3339, into: &buffer)
        buffer.append(",\"updated_at\":")
        JSONWriter.write(record.updatedAt.rfc3339, into: &buffer)
        writeDefaults(record, into: &buffer)
        // The stored body is an object: its members follow.
        let shown = record.kind == .channel ? masked(record.body) : record.body
        if shown.count > 2 {
            buffer.append(",")
            shown.withUnsafeBytes { buffer.append(UnsafeRawBufferPointer(rebasing: $0[1...])) }
        } else {
            buffer.append("}")
        }
    }

    private static func masked(_ body: [UInt8]) -> [UInt8] {
        guard let json = try? OwnedJSON(parsing: body) else { return body }  // shown as it is
        let arena = JSONArena()
        return JSONWriter.bytes(ConnectorSecrets.maskedChannel(json.value, in: arena))
    }

    /// Fields that were left out, as what they mean.
    private static func writeDefaults(_ record: DefinitionRecord, into buffer: inout JSONByteBuffer) {
        guard let body = try? OwnedJSON(parsing: record.body) else { return }  // shown as it is
        let defaults: [(String, StaticString)] =
            record.kind == .workflow
            ? [
                ("description", "null"), ("priority", "0"), ("condition", "true"), ("tags", "[]"),
                ("continue_on_error", "false"),
            ]
            : [
                ("description", "null"), ("methods", "null"), ("route_pattern", "null"),
                ("transport_config", "{}"), ("workflow_id", "null"), ("config", "{}"), ("priority", "0"),
                ("tags", "[]"),
            ]
        for (name, value) in defaults where body.value.member(name) == nil {
            buffer.append(",")
            JSONWriter.write(name, into: &buffer)
            buffer.append(":")
            buffer.append(value)
        }
    }

    /// Changes with every change of content, version or status.
    static func etag(_ record: DefinitionRecord) -> String {
        "\"\(record.version)-\(record.status.rawValue)-\(record.rolloutPercentage)-\(record.contentHash.dropFirst(7).prefix(16))\""
    }

    static func response(_ record: DefinitionRecord, status: Int = 200) -> AdminResponse {
        .data(status, headers: [("etag", etag(record))]) { write(record, into: &$0) }
    }

    static func list(
        _ records: [DefinitionRecord], total: Int, limit: Int, offset: Int
    ) -> AdminResponse {
        var buffer = JSONByteBuffer()
        buffer.append("{\"data\":[")
        for (place, record) in records.enumerated() {
            if place > 0 { buffer.append(",") }
            write(record, into: &buffer)
        }
        buffer.append("],\"total\":")
        buffer.append(integer: Int64(total))
        buffer.append(",\"limit\":")
        buffer.append(integer: Int64(limit))
        buffer.append(",\"offset\":")
        buffer.append(integer: Int64(offset))
        buffer.append("}")
        return AdminResponse(status: 200, body: buffer.bytes)
    }
}
