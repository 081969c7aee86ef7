import Definitions
import JSONTree
import Storage
import Vocabulary

/// Validation, and many definitions at once.
enum ImportHandlers {
    static let routes: [AdminRoute] = []

    static let mostItems = 1000

    /// `{"valid","errors","warnings"}` under `data`.
    static func verdict(_ details: [Problem.Detail], warnings: [Problem.Detail] = []) -> AdminResponse {
        .data { buffer in
            buffer.append(details.isEmpty ? "{\"valid\":true,\"errors\":[" : "{\"valid\":false,\"errors\":[")
            for (place, detail) in details.enumerated() {
                if place > 0 { buffer.append(",") }
                detail.write(into: &buffer)
            }
            buffer.append("],\"warnings\":[")
            for (place, detail) in warnings.enumerated() {
                if place > 0 { buffer.append(",") }
                detail.write(into: &buffer)
            }
            buffer.append("]}")
        }
    }

    /// What would keep it from going live now, and may be there by then.
    private static func warnings(
        _ kind: DefinitionKind, _ api: AdminAPI, _ body: JSONValue
    ) async throws(Problem) -> [Problem.Detail] {
        guard kind == .workflow, body.isObject else { return [] }
        let content = DefinitionContent(body, kind: kind)
        let now = api.clock.now()
        let record = DefinitionRecord(
            kind: kind, id: "", version: 1, status: .draft, body: content.body, contentHash: content.hash,
            createdAt: now, updatedAt: now)
        return api.gates(record, try await api.desk.book())
    }

    static func validate(_ kind: DefinitionKind, _ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        verdict(api.details(of: call.body, kind), warnings: try await warnings(kind, api, call.body))
    }

    static func export(_ kind: DefinitionKind, _ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let book = try await api.desk.book()
        let records = DefinitionList(book.latest(kind)).filtered(by: call.query).sorted(
            by: "created_at", ascending: true)
        return .data { buffer in
            buffer.append("[")
            for (place, record) in records.enumerated() {
                if place > 0 { buffer.append(",") }
                DefinitionDocument.write(record, into: &buffer)
            }
            buffer.append("]")
        }
    }

    struct Outcome: Sendable {
        var id: String
        var action: String?
        var problem: Problem?
    }

    static func importAll(_ kind: DefinitionKind, _ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        try await each(of: call) { await importOne($0, kind, api, call) }
    }

    /// Imports one after the other; what is wrong with one does not keep the others out.
    static func each(
        of call: AdminCall, _ take: (JSONValue) async -> Outcome
    ) async throws(Problem) -> AdminResponse {
        let body = call.body
        guard body.isArray, body.count <= mostItems else {
            throw Problem(.validation, "The body must be an array of at most \(mostItems) definitions.")
        }
        let onConflict = call.query["on_conflict"] ?? "fail"
        guard ["fail", "skip", "new_version"].contains(onConflict) else {
            throw Problem(.validation, "`on_conflict` is fail, skip or new_version.")
        }
        var outcomes: [Outcome] = []
        for index in 0..<body.count { outcomes.append(await take(body[index])) }
        return report(outcomes, isDryRun: call.flag("dry_run"))
    }

    private static func importOne(
        _ value: JSONValue, _ kind: DefinitionKind, _ api: AdminAPI, _ call: AdminCall
    ) async -> Outcome {
        let given = value.member(kind == .workflow ? "workflow_id" : "channel_id")?.stringValue
        let id = given ?? Identifier.make().description
        do {
            let arena = JSONArena()
            let onConflict = call.query["on_conflict"] ?? "fail"
            let known = try await api.desk.book().latest(kind, id)
            let stored = known.flatMap { try? OwnedJSON(parsing: $0.body) }  // what is stored is JSON
            let content = try withExtendedLifetime((arena, stored)) {
                try api.content(DefinitionContent.importable(value, in: arena), kind, over: stored?.value)
            }
            if let known {
                if known.contentHash == content.hash { return Outcome(id: id, action: "unchanged") }
                if onConflict == "skip" { return Outcome(id: id, action: "skipped") }
                guard onConflict == "new_version" else {
                    throw Problem(.conflict, "There is a \(kind.rawValue) `\(id)` already.")
                }
            }
            let action = known == nil ? "created" : known?.status == .draft ? "updated_draft" : "new_version"
            guard !call.flag("dry_run") else { return Outcome(id: id, action: action) }
            _ = try await DefinitionHandlers.commit(api, call, action: "import", kind, id) {
                book, now throws(Problem) in
                guard let latest = book.latest(kind, id) else {
                    return try book.create(kind, id: id, content: content, at: now)
                }
                guard latest.status != .draft else { return try book.edit(kind, id: id, content: content, at: now) }
                var change = try book.newVersion(kind, id: id, at: now)
                change.puts[0].body = content.body
                change.puts[0].contentHash = content.hash
                return change
            }
            return Outcome(id: id, action: action)
        } catch let problem as Problem {
            return Outcome(id: id, problem: problem)
        } catch {
            return Outcome(id: id, problem: Problem(.internalError, "Something went wrong."))
        }
    }

    private static func report(_ outcomes: [Outcome], isDryRun: Bool) -> AdminResponse {
        .data { buffer in
            let failed = outcomes.count { $0.problem != nil }
            buffer.append(isDryRun ? "{\"dry_run\":true,\"imported\":" : "{\"dry_run\":false,\"imported\":")
            buffer.append(integer: Int64(outcomes.count - failed))
            buffer.append(",\"failed\":")
            buffer.append(integer: Int64(failed))
            buffer.append(",\"errors\":[")
            var isFirst = true
            for (index, outcome) in outcomes.enumerated() {
                guard let problem = outcome.problem else { continue }
                if !isFirst { buffer.append(",") }
                isFirst = false
                buffer.append("{\"index\":")
                buffer.append(integer: Int64(index))
                buffer.append(",\"error\":")
                JSONWriter.write(
                    problem.details.first.map { "\(problem.message) \($0.path): \($0.message)" } ?? problem.message,
                    into: &buffer)
                buffer.append("}")
            }
            buffer.append("],\"results\":[")
            for (index, outcome) in outcomes.enumerated() {
                if index > 0 { buffer.append(",") }
                buffer.append("{\"index\":")
                buffer.append(integer: Int64(index))
                buffer.append(",\"id\":")
                JSONWriter.write(outcome.id, into: &buffer)
                buffer.append(",\"action\":")
                JSONWriter.write(outcome.action ?? "failed", into: &buffer)
                buffer.append("}")
            }
            buffer.append("]}")
        }
    }
}
