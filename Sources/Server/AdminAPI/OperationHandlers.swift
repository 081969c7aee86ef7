import JSONTree
import Storage
import Vocabulary

/// The engine, the catalogue of functions, the audit log, the description of it all.
enum OperationHandlers {
    static let routes: [AdminRoute] = [
        .init(
            "GET", "/api/v1/admin/functions", tag: "engine", "The functions tasks can call, with their inputs",
            answer: .one("Functions")
        ) { api, _ in .data { api.functions.write(into: &$0) } },
        .init(
            "POST", "/api/v1/admin/cache/namespaces/{namespace}/invalidate", tag: "engine",
            "Forget the cached replies of a namespace", answer: .one("Invalidated")
        ) { try await invalidate($0, $1) },
        .init("GET", "/api/v1/admin/engine/status", tag: "engine", "What is loaded", answer: .one("EngineStatus")) {
            api, _ in
            .data { write(api.control.status(), into: &$0) }
        },
        .init(
            "POST", "/api/v1/admin/engine/reload", tag: "engine", "Load the definitions anew, at every instance",
            query: ["wait"], answer: .one("Reloaded")
        ) { try await reload($0, $1) },
        .init(
            "GET", "/api/v1/admin/audit-logs", tag: "audit", "Who changed what",
            query: [
                "action", "resource_type", "resource_id", "principal", "start_time", "end_time", "limit", "offset",
            ],
            answer: .plain("AuditPage")
        ) { try await audit($0, $1) },
        .init(
            "GET", "/api/v1/openapi.json", tag: "operations", "This description", answer: .plain("Anything"),
            access: .open
        ) { api, _ in
            AdminResponse(status: 200, body: OpenAPIDocument.bytes(version: api.control.status().version))
        },
    ]

    /// What other rooms answer; described here so that the document is whole.
    static let described: [AdminRoute] =
        ["GET", "POST", "PUT", "PATCH", "DELETE"].map { method in
            .init(
                method, "/api/v1/data/{channel}", tag: "data",
                "Call a channel by its name or route and wait for its reply",
                body: method == "GET" || method == "DELETE" ? nil : "Anything", answer: .plain("Reply"), access: .open,
                handler: nil)
        } + [
            .init(
                "POST", "/api/v1/data/{channel}/async", tag: "data", "Call a channel; the work is done later",
                body: "Anything", answer: .plain("Accepted"), success: 202, access: .open, handler: nil),
            .init(
                "POST", "/mcp", tag: "mcp", "The Model Context Protocol over streamable HTTP", body: "Anything",
                answer: .plain("Anything"), handler: nil),
            .init(
                "GET", "/health", tag: "operations", "How the server is", answer: .plain("Health"), access: .open,
                handler: nil),
            .init(
                "GET", "/healthz", tag: "operations", "Whether the process lives", answer: .plain("Live"),
                access: .open, handler: nil),
            .init(
                "GET", "/readyz", tag: "operations", "Whether it takes traffic", answer: .plain("Ready"),
                access: .open, handler: nil),
            .init("GET", "/metrics", tag: "operations", "Metrics for Prometheus", answer: .text, handler: nil),
        ]

    private static func write(_ status: EngineStatus, into buffer: inout JSONByteBuffer) {
        buffer.append("{\"version\":")
        JSONWriter.write(status.version, into: &buffer)
        buffer.append(",\"generation\":")
        buffer.append(integer: status.generation)
        buffer.append(",\"uptime_seconds\":")
        buffer.append(integer: Int64(status.uptimeSeconds))
        buffer.append(",\"workflows_count\":")
        buffer.append(integer: Int64(status.workflowCount))
        buffer.append(",\"active_workflows\":")
        buffer.append(integer: Int64(status.workflowCount))
        buffer.append(",\"channels\":[")
        for (place, name) in status.channels.enumerated() {
            if place > 0 { buffer.append(",") }
            JSONWriter.write(name, into: &buffer)
        }
        buffer.append("],\"load_issues\":[")
        for (place, issue) in status.issues.enumerated() {
            if place > 0 { buffer.append(",") }
            buffer.append("{\"channel_id\":")
            JSONWriter.write(issue.channelID, into: &buffer)
            buffer.append(",\"workflow_id\":")
            JSONWriter.write(issue.workflowID, into: &buffer)
            buffer.append(",\"message\":")
            JSONWriter.write(issue.message, into: &buffer)
            buffer.append("}")
        }
        for (place, fault) in status.connectorFaults.enumerated() {
            buffer.append(place > 0 || !status.issues.isEmpty ? ",{\"connector_id\":" : "{\"connector_id\":")
            JSONWriter.write(fault.id, into: &buffer)
            buffer.append(",\"message\":")
            JSONWriter.write(fault.message, into: &buffer)
            buffer.append("}")
        }
        buffer.append("]}")
    }

    private static func invalidate(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let name = call.parameters[0]
        api.control.invalidate(namespace: name)
        try await api.store.appendAudit([
            AuditEntry.make(call, action: "invalidate", "cache_namespace", name, at: api.clock.now())
        ])
        return .data { buffer in
            buffer.append("{\"namespace\":")
            JSONWriter.write(name, into: &buffer)
            buffer.append(",\"invalidated\":true}")
        }
    }

    private static func reload(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let order = try await api.store.orderReload()
        let status = try await api.control.reload()
        api.membership.noteReloaded(through: order)
        try await api.store.appendAudit([
            AuditEntry.make(call, action: "reload", "engine", "engine", at: api.clock.now())
        ])
        return .data { buffer in
            buffer.append("{\"reloaded\":true,\"workflows_count\":")
            buffer.append(integer: Int64(status.workflowCount))
            buffer.append(",\"engine\":")
            write(status, into: &buffer)
            buffer.append("}")
        }
    }

    private static func time(_ call: AdminCall, _ name: String) throws(Problem) -> Timestamp? {
        guard let text = call.query[name] else { return nil }
        guard let time = Timestamp(rfc3339: text) else {
            throw Problem(
                .validation, "The \(name) is no time.",
                details: [.init(name, .invalid, "Write it as 2026-01-31T08:15:30Z.", got: String(text.prefix(64)))])
        }
        return time
    }

    private static func audit(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let known = [
            "action", "resource_type", "resource_id", "principal", "start_time", "end_time", "limit", "offset",
        ]
        if let unknown = call.query.keys.first(where: { !known.contains($0) }) {
            throw Problem(.validation, "There is no parameter `\(unknown.prefix(64))`.")
        }
        var filter = AuditFilter()
        filter.action = call.query["action"]
        filter.resourceType = call.query["resource_type"]
        filter.resourceID = call.query["resource_id"]
        filter.principal = call.query["principal"]
        filter.from = try time(call, "start_time")
        filter.until = try time(call, "end_time")
        let (records, total) = try await api.store.auditLog(filter, limit: call.limit, offset: call.offset)
        var buffer = JSONByteBuffer()
        buffer.append("{\"data\":[")
        for (place, record) in records.enumerated() {
            if place > 0 { buffer.append(",") }
            buffer.append("{\"id\":")
            JSONWriter.write(record.id.description, into: &buffer)
            for (name, value) in [
                ("principal", record.principal), ("action", record.action), ("resource_type", record.resourceType),
                ("resource_id", record.resourceID), ("created_at", record.createdAt.rfc3339),
            ] {
                buffer.append(",")
                JSONWriter.write(name, into: &buffer)
                buffer.append(":")
                JSONWriter.write(value, into: &buffer)
            }
            buffer.append(",\"details\":")
            buffer.append(record.details)
            buffer.append("}")
        }
        buffer.append("],\"pagination\":{\"offset\":")
        buffer.append(integer: Int64(call.offset))
        buffer.append(",\"limit\":")
        buffer.append(integer: Int64(call.limit))
        buffer.append(",\"total\":")
        buffer.append(integer: Int64(total))
        buffer.append("}}")
        return AdminResponse(status: 200, body: buffer.bytes)
    }
}
