import Crypto
package import JSONTree
package import Storage
import Vocabulary

/// What of a definition can be exported and imported again: everything but version, status and times.
package struct DefinitionContent: Sendable, Equatable {
    package let name: String
    package let body: [UInt8]
    package let hash: String

    /// Keeps the known fields in one order, so that the same content always has the same hash.
    package init(_ body: JSONValue, kind: DefinitionKind) {
        let fields =
            switch kind {
            case .workflow:
                ["name", "description", "priority", "condition", "tasks", "tags", "continue_on_error", "loop"]
            case .connector: ["name", "description", "connector_type", "config", "tags"]
            case .channel:
                [
                    "name", "description", "channel_type", "protocol", "methods", "route_pattern",
                    "transport_config", "workflow_id", "config", "priority", "tags",
                ]
            }
        var buffer = JSONByteBuffer()
        buffer.append("{")
        var isFirst = true
        for field in fields {
            guard let value = body.member(field), !value.isNull, !Self.isDefault(field, value) else { continue }
            if !isFirst { buffer.append(",") }
            isFirst = false
            JSONWriter.write(field, into: &buffer)
            buffer.append(":")
            JSONWriter.write(value, into: &buffer)
        }
        buffer.append("}")
        self.body = buffer.bytes
        name = body.member("name")?.stringValue ?? ""
        let digits = Array("0123456789abcdef".utf8)
        hash =
            "sha256:"
            + String(
                decoding: SHA256.hash(data: self.body).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] },
                as: UTF8.self)
    }

    /// What a field means when it is left out: writing it down changes nothing, so it is left out.
    private static func isDefault(_ field: String, _ value: JSONValue) -> Bool {
        switch field {
        case "priority": value.intValue == 0
        case "condition": value.isTrue
        case "tags": value.isArray && value.count == 0
        case "continue_on_error": value.boolValue == false
        case "config", "transport_config": value.isObject && value.count == 0
        default: false
        }
    }

    /// What an export says besides content is left out on the way in.
    package static func importable(_ value: JSONValue, in arena: JSONArena) -> JSONValue {
        guard value.isObject else { return value }
        var document = JSONDocument(root: value.copied(into: arena), arena: arena)
        for name in ["version", "status", "rollout_percentage", "content_hash", "created_at", "updated_at"] {
            if let path = try? JSONPath(name) { document.remove(path) }  // these are paths
        }
        return document.root
    }

    func record(
        _ kind: DefinitionKind, id: String, version: Int, status: DefinitionStatus, at now: Timestamp
    ) -> DefinitionRecord {
        DefinitionRecord(
            kind: kind, id: id, version: version, status: status, body: body, contentHash: hash, createdAt: now,
            updatedAt: now)
    }

    package static func name(of record: DefinitionRecord) -> String {
        let body = try? OwnedJSON(parsing: record.body)  // stored bodies are JSON
        return body?.read { $0.member("name")?.stringValue } ?? ""
    }
}
