import JSONTree
import Storage
import Vocabulary

/// The audit entry of an admin call.
enum AuditEntry {
    /// - Parameter more: further members, each with a comma in front.
    static func make(
        _ call: AdminCall, action: String, _ type: String, _ id: String, before: DefinitionRecord? = nil,
        after: DefinitionRecord? = nil, at now: Timestamp, more: (inout JSONByteBuffer) -> Void = { _ in }
    ) -> AuditRecord {
        var details = JSONByteBuffer()
        details.append("{\"request_id\":")
        JSONWriter.write(call.request.requestID, into: &details)
        details.append(",\"client_ip\":")
        JSONWriter.write(call.request.client, into: &details)
        details.append(",\"user_agent\":")
        JSONWriter.write(String((call.request.header("user-agent") ?? "").prefix(256)), into: &details)
        if let context = call.request.header("x-weir-change-context") ?? call.request.header("x-orion-change-context") {
            details.append(",\"change_context\":")
            JSONWriter.write(String(context.prefix(256)), into: &details)
        }
        for (name, record) in [("before", before), ("after", after)] {
            guard let record else { continue }
            details.append(",")
            JSONWriter.write(name, into: &details)
            details.append(":")
            DefinitionDocument.write(record, into: &details)
        }
        more(&details)
        details.append("}")
        return AuditRecord(
            id: .make(at: now), principal: call.principal.name, action: action, resourceType: type, resourceID: id,
            details: details.bytes, createdAt: now)
    }
}
