import Definitions
import JSONTree
import Storage
import Vocabulary
import Workflows

/// Workflows and channels: the same routes for both.
enum DefinitionHandlers {
    static let routes: [AdminRoute] =
        routes(.workflow, "workflows", "Workflow") + routes(.channel, "channels", "Channel") + [
            .init(
                "PATCH", "/api/v1/admin/workflows/{id}/rollout", tag: "workflows", "Share traffic between two versions",
                query: ["dry_run", "reload", "wait"], body: "Rollout", answer: .one("Workflow")
            ) { try await rollout($0, $1) },
            .init(
                "POST", "/api/v1/admin/workflows/{id}/test", tag: "workflows", "Run the latest version on test data",
                body: "Trial", answer: .one("TrialResult"), scope: .draft
            ) { try await WorkflowTrial.run($0, $1) },
            .init(
                "GET", "/api/v1/admin/workflows/{id}/dependencies", tag: "workflows", "What a workflow calls",
                answer: .one("Dependencies")
            ) { try await dependencies($0, $1) },
        ]

    private static func routes(_ kind: DefinitionKind, _ name: String, _ schema: String) -> [AdminRoute] {
        let base = "/api/v1/admin/\(name)"
        let kinds = kind == .channel ? ["channel_type", "protocol"] : []
        let filters = ["status", "tag"] + kinds
        let pages = ["sort_by", "sort_order", "limit", "offset"]
        return [
            .init("GET", base, tag: name, "List the latest versions", query: filters + pages, answer: .page(schema)) {
                try await list(kind, $0, $1)
            },
            .init(
                "POST", base, tag: name, "Create a draft", body: schema + "Draft", answer: .one(schema), success: 201,
                scope: .draft
            ) { try await create(kind, $0, $1) },
            .init(
                "POST", base + "/validate", tag: name, "Check a definition without saving it", body: schema + "Draft",
                answer: .one("Verdict"), scope: .draft
            ) { try await ImportHandlers.validate(kind, $0, $1) },
            .init(
                "POST", base + "/import", tag: name, "Create many drafts", query: ["on_conflict", "dry_run", "wait"],
                body: schema + "Drafts", answer: .one("ImportReport"), scope: .draft
            ) { try await ImportHandlers.importAll(kind, $0, $1) },
            .init(
                "GET", base + "/export", tag: name, "All of them, as import takes them", query: filters,
                answer: .one(schema + "Drafts")
            ) { try await ImportHandlers.export(kind, $0, $1) },
            .init("GET", base + "/{id}", tag: name, "The latest version", answer: .one(schema)) {
                try await get(kind, $0, $1)
            },
            .init(
                "PUT", base + "/{id}", tag: name, "Edit the draft; null takes a field away", body: schema + "Edit",
                answer: .one(schema), scope: .draft
            ) { try await edit(kind, $0, $1) },
            .init(
                "DELETE", base + "/{id}", tag: name, "Delete every version", query: ["reload", "wait"],
                answer: .nothing,
                success: 204
            ) { try await delete(kind, $0, $1) },
            .init(
                "PATCH", base + "/{id}/status", tag: name, "Activate the draft, or archive what is active",
                query: ["dry_run", "reload", "wait"], body: "StatusChange", answer: .one(schema)
            ) { try await status(kind, $0, $1) },
            .init(
                "GET", base + "/{id}/versions", tag: name, "Every version, newest first", query: ["limit", "offset"],
                answer: .page(schema)
            ) { try await versions(kind, $0, $1) },
            .init(
                "POST", base + "/{id}/versions", tag: name, "A new draft from the latest version", answer: .one(schema),
                success: 201, scope: .draft
            ) { try await newVersion(kind, $0, $1) },
            .init(
                "POST", base + "/{id}/rollback", tag: name, "Bring an earlier version back, live at once",
                query: ["reload", "wait"], body: "Rollback", answer: .one(schema)
            ) { try await rollBack(kind, $0, $1) },
        ]
    }

    private static func found(
        _ kind: DefinitionKind, _ book: DefinitionBook, _ id: String
    ) throws(Problem) -> DefinitionRecord {
        guard let record = book.latest(kind, id) else { throw DefinitionBook.unknown(kind, id) }
        return record
    }

    /// Refuses when the caller has seen another state (`If-Match`).
    private static func checkMatch(_ call: AdminCall, _ book: DefinitionBook, _ kind: DefinitionKind, _ id: String)
        throws(Problem)
    {
        guard let wanted = call.request.header("if-match"), wanted != "*" else { return }
        let current = try found(kind, book, id)
        guard wanted == DefinitionDocument.etag(current) else {
            throw Problem(.preconditionFailed, "The \(kind.rawValue) `\(id)` has changed since you read it.")
        }
    }

    static func commit(
        _ api: AdminAPI, _ call: AdminCall, action: String, _ kind: DefinitionKind, _ id: String,
        _ decide: @escaping @Sendable (DefinitionBook, Timestamp) throws(Problem) -> DefinitionChange
    ) async throws -> DefinitionChange {
        let isDeferred = call.query["reload"] == "defer"
        let change = try await api.desk.change(isAnnounced: !isDeferred) { book, change, now in
            [
                AuditEntry.make(
                    call, action: action, kind.rawValue, id, before: book.latest(kind, id), after: change.puts.first,
                    at: now)
            ]
        } _: { book, now throws(Problem) in
            try checkMatch(call, book, kind, id)
            return try decide(book, now)
        }
        if change.goesLive, !isDeferred { _ = try? await api.control.reload() }  // committed all the same
        return change
    }

    private static func list(_ kind: DefinitionKind, _ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let book = try await api.desk.book()
        let listed = DefinitionList(book.latest(kind)).filtered(by: call.query).sorted(
            by: call.query["sort_by"], ascending: call.isAscending)
        return DefinitionDocument.list(
            Array(listed.dropFirst(call.offset).prefix(call.limit)), total: listed.count, limit: call.limit,
            offset: call.offset)
    }

    private static func create(_ kind: DefinitionKind, _ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse
    {
        let body = call.body
        let content = try api.content(body, kind)
        let given = body.member(kind == .workflow ? "workflow_id" : "channel_id")?.stringValue
        let id = given ?? Identifier.make().description
        let change = try await commit(api, call, action: "create", kind, id) { book, now throws(Problem) in
            try book.create(kind, id: id, content: content, at: now)
        }
        return DefinitionDocument.response(change.puts[0], status: 201)
    }

    private static func get(_ kind: DefinitionKind, _ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let record = try found(kind, try await api.desk.book(), call.parameters[0])
        return DefinitionDocument.response(record)
    }

    /// Fields that are not given stay; `null` takes one away.
    private static func edit(_ kind: DefinitionKind, _ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let id = call.parameters[0]
        let patch = call.body
        guard patch.isObject else { throw Problem(.validation, "The body must be an object.") }
        let change = try await commit(api, call, action: "update", kind, id) { book, now throws(Problem) in
            let latest = try found(kind, book, id)
            let merged = try merge(patch, over: latest)
            let stored = try? OwnedJSON(parsing: latest.body)  // what is stored is JSON
            let content = try api.content(merged.value, kind, over: stored?.value)
            return try book.edit(kind, id: id, content: content, at: now)
        }
        return DefinitionDocument.response(change.puts[0])
    }

    private static func merge(_ patch: JSONValue, over record: DefinitionRecord) throws(Problem) -> OwnedJSON {
        let arena = JSONArena()
        guard let stored = try? JSONReader.parse(record.body, in: arena) else {
            throw Problem(.storage, "The stored definition is not readable.")
        }
        if record.kind == .channel {
            for name in ["channel_type", "protocol"] {
                if let wished = patch.member(name), wished != stored.member(name) ?? .null {
                    throw Problem(
                        .validation, "The \(name) of a channel cannot be changed.",
                        details: [.init(name, .invalid, "This cannot be changed; create another channel.")])
                }
            }
        }
        var document = JSONDocument(root: stored, arena: arena)
        for index in 0..<patch.count {
            guard let name = patch.key(at: index).stringValue, let path = try? JSONPath("#" + name) else {
                throw Problem(.validation, "The body has a field without a name.")
            }
            let value = patch.value(at: index)
            if value.isNull { document.remove(path) } else { _ = document.set(path, to: value.copied(into: arena)) }
        }
        return OwnedJSON(copying: document.root)
    }

    private static func delete(_ kind: DefinitionKind, _ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse
    {
        let id = call.parameters[0]
        _ = try await commit(api, call, action: "delete", kind, id) { book, _ throws(Problem) in
            try book.delete(kind, id: id)
        }
        return AdminResponse(status: 204, body: [])
    }

    private static func status(_ kind: DefinitionKind, _ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse
    {
        let id = call.parameters[0]
        let body = call.body
        let percentage = body.member("rollout_percentage")?.intValue.map { Int($0) } ?? 100
        let wanted = body.member("status")?.stringValue ?? ""
        let decide: @Sendable (DefinitionBook, Timestamp) throws(Problem) -> DefinitionChange = {
            book, now throws(Problem) in
            switch wanted {
            case "active":
                let change = try book.activate(kind, id: id, percentage: percentage, at: now)
                let faults = change.puts.first.map { api.gates($0, book) } ?? []
                guard faults.isEmpty else {
                    throw Problem(.validation, "The \(kind.rawValue) `\(id)` cannot go live yet.", details: faults)
                }
                return change
            case "archived": return try book.archive(kind, id: id, at: now)
            default:
                throw Problem(
                    .validation, "The status can be set to active or archived.",
                    details: [
                        .init(
                            "body.status", .invalid, "This must be active or archived.", expected: "active, archived",
                            got: wanted)
                    ])
            }
        }
        if call.flag("dry_run") { return try await dryRun(api, decide) }
        let change = try await commit(api, call, action: "status_\(wanted)", kind, id, decide)
        return DefinitionDocument.response(change.puts[0])
    }

    private static func dryRun(
        _ api: AdminAPI, _ decide: @Sendable (DefinitionBook, Timestamp) throws(Problem) -> DefinitionChange
    ) async throws -> AdminResponse {
        let book = try await api.desk.book()
        do throws(Problem) {
            _ = try decide(book, api.clock.now())
            return ImportHandlers.verdict([])
        } catch {
            return ImportHandlers.verdict(
                error.details.isEmpty ? [.init("", .invalid, error.message)] : error.details)
        }
    }

    private static func rollout(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let id = call.parameters[0]
        guard let wanted = call.body.member("rollout_percentage")?.intValue else {
            throw Problem(
                .validation, "The body must have a rollout_percentage.",
                details: [.init("body.rollout_percentage", .required, "This must be 1 to 100.")])
        }
        let decide: @Sendable (DefinitionBook, Timestamp) throws(Problem) -> DefinitionChange = {
            book, now throws(Problem) in
            try book.rollOut(id: id, percentage: Int(wanted), at: now)
        }
        if call.flag("dry_run") { return try await dryRun(api, decide) }
        let change = try await commit(api, call, action: "update_rollout", .workflow, id, decide)
        return DefinitionDocument.response(change.puts[0])
    }

    private static func versions(_ kind: DefinitionKind, _ api: AdminAPI, _ call: AdminCall) async throws
        -> AdminResponse
    {
        let all = try await api.desk.book().versions(kind, call.parameters[0])
        guard !all.isEmpty else { throw DefinitionBook.unknown(kind, call.parameters[0]) }
        let page = all.reversed().dropFirst(call.offset).prefix(call.limit)
        return DefinitionDocument.list(Array(page), total: all.count, limit: call.limit, offset: call.offset)
    }

    private static func newVersion(_ kind: DefinitionKind, _ api: AdminAPI, _ call: AdminCall) async throws
        -> AdminResponse
    {
        let id = call.parameters[0]
        let change = try await commit(api, call, action: "create_version", kind, id) { book, now throws(Problem) in
            try book.newVersion(kind, id: id, at: now)
        }
        return DefinitionDocument.response(change.puts[0], status: 201)
    }

    private static func rollBack(_ kind: DefinitionKind, _ api: AdminAPI, _ call: AdminCall) async throws
        -> AdminResponse
    {
        let id = call.parameters[0]
        guard let version = call.body.member("version")?.intValue else {
            throw Problem(
                .validation, "The body must have a version.",
                details: [.init("body.version", .required, "Which version to bring back.")])
        }
        let change = try await commit(api, call, action: "rollback", kind, id) { book, now throws(Problem) in
            let change = try book.rollBack(kind, id: id, to: Int(version), at: now)
            let faults = change.puts.first.map { api.gates($0, book) } ?? []
            guard faults.isEmpty else {
                throw Problem(.validation, "The version cannot go live.", details: faults)
            }
            return change
        }
        return DefinitionDocument.response(change.puts[0])
    }

    private static func dependencies(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let record = try found(.workflow, try await api.desk.book(), call.parameters[0])
        guard let body = try? OwnedJSON(parsing: record.body) else {
            throw Problem(.storage, "The definition is not readable.")
        }
        let compiled = try CompiledWorkflow.compile(
            body.value, id: record.id, version: record.version, functions: api.functions)
        return .data { buffer in
            buffer.append("{\"connectors\":[")
            for (place, used) in compiled.usedConnectors.enumerated() {
                if place > 0 { buffer.append(",") }
                buffer.append("{\"connector\":")
                JSONWriter.write(used.connector, into: &buffer)
                buffer.append(",\"function\":")
                JSONWriter.write(used.function, into: &buffer)
                buffer.append("}")
            }
            buffer.append("],\"channel_calls\":[")
            for (place, name) in compiled.calledChannels.enumerated() {
                if place > 0 { buffer.append(",") }
                JSONWriter.write(name, into: &buffer)
            }
            buffer.append("]}")
        }
    }
}
