import Connectors
import Definitions
import JSONTree
import Storage
import Vocabulary

/// Connectors: not versioned, live as soon as they are saved, shown with their secrets masked.
enum ConnectorHandlers {
    private static let base = "/api/v1/admin/connectors"

    static let routes: [AdminRoute] = [
        .init(
            "GET", base, tag: "connectors", "List connectors, secrets masked",
            query: ["tag", "sort_by", "sort_order", "limit", "offset"], answer: .page("Connector")
        ) { try await list($0, $1) },
        .init(
            "POST", base, tag: "connectors", "Create a connector", query: ["wait"], body: "ConnectorDraft",
            answer: .one("Connector"),
            success: 201
        ) {
            try await create($0, $1)
        },
        .init(
            "POST", base + "/validate", tag: "connectors", "Check a connector without saving it",
            body: "ConnectorDraft", answer: .one("Verdict"), scope: .draft
        ) { api, call in ImportHandlers.verdict(api.connectorDetails(of: call.body)) },
        .init(
            "POST", base + "/import", tag: "connectors", "Import many connectors",
            query: ["on_conflict", "dry_run", "wait"], body: "ConnectorDrafts", answer: .one("ImportReport")
        ) { try await ConnectorImport.importAll($0, $1) },
        .init(
            "GET", base + "/export", tag: "connectors", "All connectors, as import takes them; secrets masked",
            query: ["tag"],
            answer: .one("ConnectorDrafts")
        ) { try await ConnectorImport.export($0, $1) },
        .init(
            "GET", base + "/circuit-breakers", tag: "connectors", "The breakers by channel and connector",
            answer: .one("Breakers")
        ) { api, _ in breakers(api) },
        .init(
            "POST", base + "/circuit-breakers/{key}", tag: "connectors", "Close a breaker", answer: .one("BreakerReset")
        ) { try await reset($0, $1) },
        .init("GET", base + "/{id}", tag: "connectors", "One connector, secrets masked", answer: .one("Connector")) {
            api, call in
            response(try found(try await api.desk.book(), call.parameters[0]), api)
        },
        .init(
            "PUT", base + "/{id}", tag: "connectors", "Replace a connector; ****** keeps the secret that is stored",
            query: ["wait"],
            body: "ConnectorEdit", answer: .one("Connector")
        ) { try await edit($0, $1) },
        .init(
            "DELETE", base + "/{id}", tag: "connectors", "Delete a connector", query: ["wait"], answer: .nothing,
            success: 204
        ) {
            try await delete($0, $1)
        },
        .init(
            "POST", base + "/{id}/test", tag: "connectors", "Whether what it leads to answers", answer: .one("Probe")
        ) { try await test($0, $1) },
    ]

    private static func found(_ book: DefinitionBook, _ id: String) throws(Problem) -> DefinitionRecord {
        guard let record = book.latest(.connector, id) else { throw DefinitionBook.unknown(.connector, id) }
        return record
    }

    private static func response(_ record: DefinitionRecord, _ api: AdminAPI, status: Int = 200) -> AdminResponse {
        .data(status, headers: [("etag", DefinitionDocument.etag(record))]) {
            ConnectorDocument.write(record, api.control.connectors, into: &$0)
        }
    }

    private static func list(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let all = DefinitionList(try await api.desk.book().latest(.connector)).filtered(by: call.query).sorted(
            by: call.query["sort_by"] ?? "name", ascending: call.query["sort_order"] != "desc")
        var buffer = JSONByteBuffer()
        buffer.append("{\"data\":[")
        for (place, record) in all.dropFirst(call.offset).prefix(call.limit).enumerated() {
            if place > 0 { buffer.append(",") }
            ConnectorDocument.write(record, api.control.connectors, into: &buffer)
        }
        buffer.append("],\"total\":")
        buffer.append(integer: Int64(all.count))
        buffer.append(",\"limit\":")
        buffer.append(integer: Int64(call.limit))
        buffer.append(",\"offset\":")
        buffer.append(integer: Int64(call.offset))
        buffer.append("}")
        return AdminResponse(status: 200, body: buffer.bytes)
    }

    private static func create(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let (content, isEnabled) = try content(api, call.body, over: nil)
        let id = call.body.member("id")?.stringValue ?? Identifier.make().description
        let change = try await DefinitionHandlers.commit(api, call, action: "create", .connector, id) {
            book, now throws(Problem) in
            try book.createConnector(id: id, content: content, isEnabled: isEnabled, at: now)
        }
        return response(change.puts[0], api, status: 201)
    }

    /// Fields that are not given stay.
    private static func edit(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let id = call.parameters[0]
        guard call.body.isObject else { throw Problem(.validation, "The body must be an object.") }
        let change = try await DefinitionHandlers.commit(api, call, action: "update", .connector, id) {
            book, now throws(Problem) in
            let stored = try found(book, id)
            let (content, isEnabled) = try merged(api, call.body, over: stored)
            return try book.replaceConnector(id: id, content: content, isEnabled: isEnabled, at: now)
        }
        return response(change.puts[0], api)
    }

    private static func merged(
        _ api: AdminAPI, _ patch: JSONValue, over record: DefinitionRecord
    ) throws(Problem) -> (DefinitionContent, Bool) {
        let arena = JSONArena()
        guard let stored = try? JSONReader.parse(record.body, in: arena) else {
            throw Problem(.storage, "The stored connector is not readable.")
        }
        if let kind = patch.member("connector_type"), kind != stored.member("connector_type") ?? .null {
            throw Problem(
                .validation, "The kind of a connector cannot be changed.",
                details: [.init("connector_type", .invalid, "This cannot be changed; create another connector.")])
        }
        var whole = JSONObjectBuilder(in: arena)
        for name in ["name", "description", "connector_type", "config", "tags"] {
            guard let value = patch.member(name) ?? stored.member(name) else { continue }
            whole.append(key: name, value)
        }
        whole.append(key: "enabled", patch.member("enabled") ?? .bool(record.status == .active))
        // A field nobody knows is told, not dropped.
        for index in 0..<patch.count {
            let name = patch.key(at: index).stringValue ?? ""
            if !["id", "name", "description", "connector_type", "config", "tags", "enabled"].contains(name) {
                whole.append(key: name, patch.value(at: index))
            }
        }
        return try content(api, whole.finish(), over: stored)
    }

    /// Checks a connector and seals its secrets.
    static func content(
        _ api: AdminAPI, _ body: JSONValue, over stored: JSONValue?
    ) throws(Problem) -> (DefinitionContent, Bool) {
        (try api.content(body, .connector, over: stored), body.member("enabled")?.boolValue ?? true)
    }

    private static func delete(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let id = call.parameters[0]
        _ = try await DefinitionHandlers.commit(api, call, action: "delete", .connector, id) {
            book, _ throws(Problem) in
            try book.delete(.connector, id: id)
        }
        return AdminResponse(status: 204, body: [])
    }

    private static func breakers(_ api: AdminAPI) -> AdminResponse {
        .data { buffer in
            buffer.append(
                api.control.usesBreakers ? "{\"enabled\":true,\"breakers\":{" : "{\"enabled\":false,\"breakers\":{")
            for (place, breaker) in api.control.connectors.breakers(at: Stopwatch.nanoseconds()).enumerated() {
                if place > 0 { buffer.append(",") }
                JSONWriter.write(breaker.key, into: &buffer)
                buffer.append(":")
                JSONWriter.write(breaker.state.rawValue, into: &buffer)
            }
            buffer.append("}}")
        }
    }

    private static func reset(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let key = call.parameters[0]
        guard api.control.connectors.resetBreaker(key) else {
            throw Problem(.notFound, "There is no breaker `\(key.prefix(256))`.")
        }
        try await api.store.appendAudit([
            AuditEntry.make(call, action: "reset", "circuit_breaker", key, at: api.clock.now())
        ])
        return .data { buffer in
            buffer.append("{\"reset\":true,\"key\":")
            JSONWriter.write(key, into: &buffer)
            buffer.append("}")
        }
    }

    private static func test(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let record = try found(try await api.desk.book(), call.parameters[0])
        let body = try? OwnedJSON(parsing: record.body)  // what is stored is JSON
        let name = body?.read { $0.member("name")?.stringValue } ?? ""
        let kind = body?.read { $0.member("connector_type")?.stringValue } ?? ""
        let fault = api.control.connectors.faults[record.id]?.message
        let error: String?
        if let fault { error = fault } else { error = await api.control.connectors.probe(name) }
        return .data { buffer in
            buffer.append(error == nil ? "{\"reachable\":true" : "{\"reachable\":false")
            buffer.append(",\"supported\":true,\"connector_type\":")
            JSONWriter.write(kind, into: &buffer)
            buffer.append(",\"probe\":")
            JSONWriter.write(kind == "http" ? "GET" : kind == "db" ? "SELECT 1" : "none", into: &buffer)
            if let error {
                buffer.append(",\"error\":")
                JSONWriter.write(error, into: &buffer)
            }
            buffer.append("}")
        }
    }
}

/// How a connector is shown.
enum ConnectorDocument {
    static func write(_ record: DefinitionRecord, _ connectors: ConnectorSet?, into buffer: inout JSONByteBuffer) {
        let stored = try? OwnedJSON(parsing: record.body)  // what is stored is JSON
        let arena = JSONArena()
        buffer.append("{\"id\":")
        JSONWriter.write(record.id, into: &buffer)
        for name in ["name", "description", "connector_type"] {
            buffer.append(",")
            JSONWriter.write(name, into: &buffer)
            buffer.append(":")
            JSONWriter.write(stored?.value.member(name) ?? .null, into: &buffer)
        }
        buffer.append(",\"config\":")
        JSONWriter.write(
            ConnectorSecrets.masked(stored?.value.member("config") ?? .null, in: arena), into: &buffer)
        buffer.append(record.status == .active ? ",\"enabled\":true,\"tags\":" : ",\"enabled\":false,\"tags\":")
        if let tags = stored?.value.member("tags") {
            JSONWriter.write(tags, into: &buffer)
        } else {
            buffer.append("[]")
        }
        for (name, value) in [
            ("content_hash", record.contentHash), ("created_at", record.createdAt.rfc3339),
            ("updated_at", record.updatedAt.rfc3339),
        ] {
            buffer.append(",")
            JSONWriter.write(name, into: &buffer)
            buffer.append(":")
            JSONWriter.write(value, into: &buffer)
        }
        if let connectors {
            buffer.append(",\"load_status\":")
            JSONWriter.write(connectors.loadStatus(ofID: record.id), into: &buffer)
            if let fault = connectors.faults[record.id] {
                buffer.append(",\"load_error\":")
                JSONWriter.write(fault.message, into: &buffer)
                buffer.append(",\"load_error_stage\":")
                JSONWriter.write(fault.stage, into: &buffer)
            }
        }
        buffer.append("}")
    }
}
