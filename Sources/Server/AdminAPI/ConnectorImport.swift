import Definitions
import JSONTree
import Storage
import Vocabulary

/// Many connectors at once. They have no versions: `new_version` replaces what is there.
enum ConnectorImport {
    static func export(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let records = DefinitionList(try await api.desk.book().latest(.connector)).filtered(by: call.query).sorted(
            by: "created_at", ascending: true)
        return .data { buffer in
            buffer.append("[")
            for (place, record) in records.enumerated() {
                if place > 0 { buffer.append(",") }
                ConnectorDocument.write(record, nil, into: &buffer)
            }
            buffer.append("]")
        }
    }

    static func importAll(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        try await ImportHandlers.each(of: call) { await importOne($0, api, call) }
    }

    /// One without an id is the one of its name.
    private static func known(_ value: JSONValue, in book: DefinitionBook) -> DefinitionRecord? {
        if let id = value.member("id")?.stringValue { return book.latest(.connector, id) }
        guard let name = value.member("name")?.stringValue else { return nil }
        return book.latest(.connector).first { DefinitionContent.name(of: $0) == name }
    }

    private static func importOne(_ value: JSONValue, _ api: AdminAPI, _ call: AdminCall) async
        -> ImportHandlers.Outcome
    {
        var id = value.member("id")?.stringValue ?? Identifier.make().description
        do {
            let record = known(value, in: try await api.desk.book())
            id = record?.id ?? id
            let onConflict = call.query["on_conflict"] ?? "fail"
            let stored = record.flatMap { try? OwnedJSON(parsing: $0.body) }  // what is stored is JSON
            let arena = JSONArena()
            let (content, isEnabled) = try withExtendedLifetime((arena, stored)) {
                try ConnectorHandlers.content(
                    api, DefinitionContent.importable(value, in: arena), over: stored?.value)
            }
            if let record {
                if record.contentHash == content.hash, (record.status == .active) == isEnabled {
                    return .init(id: id, action: "unchanged")
                }
                if onConflict == "skip" { return .init(id: id, action: "skipped") }
                guard onConflict == "new_version" else {
                    throw Problem(.conflict, "There is a connector `\(id)` already.")
                }
            }
            let action = record == nil ? "created" : "updated"
            guard !call.flag("dry_run") else { return .init(id: id, action: action) }
            let name = id
            _ = try await DefinitionHandlers.commit(api, call, action: "import", .connector, name) {
                book, now throws(Problem) in
                guard book.latest(.connector, name) != nil else {
                    return try book.createConnector(id: name, content: content, isEnabled: isEnabled, at: now)
                }
                return try book.replaceConnector(id: name, content: content, isEnabled: isEnabled, at: now)
            }
            return .init(id: id, action: action)
        } catch let problem as Problem {
            return .init(id: id, problem: problem)
        } catch {
            return .init(id: id, problem: Problem(.internalError, "Something went wrong."))
        }
    }
}
