import Connectors
import Definitions
import JSONTree
import Storage
import Vocabulary
import Workflows

/// A definition that is applied when the server starts: from a file, idempotently.
package struct StartDefinition: Sendable {
    package var file: String
    package var body: OwnedJSONText

    package init(file: String, text: [UInt8]) {
        self.file = file
        body = OwnedJSONText(bytes: text)
    }

    /// JSON text that is read when it is applied.
    package struct OwnedJSONText: Sendable {
        var bytes: [UInt8]
    }

    private struct Item {
        var kind: DefinitionKind
        var id: String
        var file: String
        var body: OwnedJSON
    }

    static func apply(
        _ definitions: [StartDefinition], to desk: DefinitionDesk, functions: FunctionCatalogue,
        secrets: ConnectorSecrets
    ) async throws {
        var items: [Item] = []
        for definition in definitions {
            let json: OwnedJSON
            do throws(JSONSyntaxError) { json = try OwnedJSON(parsing: definition.body.bytes) } catch {
                throw StartFailure("\(definition.file) is not JSON: \(error.message)")
            }
            let values = json.value.isArray ? (0..<json.value.count).map { json.value[$0] } : [json.value]
            for value in values {
                items.append(try item(try OwnedJSON(parsing: JSONWriter.bytes(value)), definition.file, functions))
            }
        }
        for kind in [DefinitionKind.connector, .workflow, .channel] {
            for item in items where item.kind == kind { try await apply(item, desk, secrets) }
        }
    }

    private static func item(_ body: OwnedJSON, _ file: String, _ functions: FunctionCatalogue) throws -> Item {
        let value = body.value
        let kind: DefinitionKind =
            value.member("connector_type") != nil ? .connector : value.member("tasks") == nil ? .channel : .workflow
        var details: [Problem.Detail] = []
        switch kind {
        case .connector: details = ConnectorDefinition.parse(value).1
        case .channel: details = ChannelDefinition.parse(value).1
        case .workflow:
            do throws(Problem) {
                _ = try CompiledWorkflow.compile(value, id: "", version: 0, functions: functions)
            } catch {
                details = error.details
            }
        }
        if let first = details.first { throw StartFailure("\(file): \(first.path): \(first.message)") }
        let names = kind == .connector ? ["id", "name"] : ["\(kind.rawValue)_id"]
        guard let id = names.lazy.compactMap({ value.member($0)?.stringValue }).first else {
            throw StartFailure("\(file): a definition in a file needs its id.")
        }
        return Item(kind: kind, id: id, file: file, body: body)
    }

    /// Files are applied by whoever starts the program, not over the API.
    private static let unaudited: @Sendable (DefinitionBook, DefinitionChange, Timestamp) -> [AuditRecord] =
        { _, _, _ in [] }

    /// Nothing where it is live as it is; else a new version goes live.
    private static func apply(_ item: Item, _ desk: DefinitionDesk, _ secrets: ConnectorSecrets) async throws {
        do throws(Problem) {
            let book = try await desk.book()
            let stored = book.latest(item.kind, item.id).flatMap { try? OwnedJSON(parsing: $0.body) }  // stored is JSON
            let arena = JSONArena()
            let content = try withExtendedLifetime((stored, arena)) { () throws(Problem) in
                DefinitionContent(
                    try secrets.sealedDefinition(item.body.value, item.kind, over: stored?.value, in: arena),
                    kind: item.kind)
            }
            if item.kind == .connector {
                return try await applyConnector(item, content, desk)
            }
            // Other instances may start with the same files at the same moment: each step looks again.
            @Sendable func isLive(_ book: DefinitionBook) -> Bool {
                book.active(item.kind, item.id).last?.contentHash == content.hash
            }
            if isLive(book) { return }
            _ = try await desk.change(audit: unaudited) { book, now throws(Problem) in
                if isLive(book) { return DefinitionChange() }
                guard let latest = book.latest(item.kind, item.id) else {
                    return try book.create(item.kind, id: item.id, content: content, at: now)
                }
                guard latest.status != .draft else {
                    return try book.edit(item.kind, id: item.id, content: content, at: now)
                }
                var change = try book.newVersion(item.kind, id: item.id, at: now)
                change.puts[0].body = content.body
                change.puts[0].contentHash = content.hash
                return change
            }
            _ = try await desk.change(audit: unaudited) { book, now throws(Problem) in
                if isLive(book) { return DefinitionChange() }
                return try book.activate(item.kind, id: item.id, percentage: 100, at: now)
            }
        } catch {
            throw StartFailure("\(item.file): \(error.message)")
        }
    }

    private static func applyConnector(
        _ item: Item, _ content: DefinitionContent, _ desk: DefinitionDesk
    ) async throws(Problem) {
        let isEnabled = item.body.value.member("enabled")?.boolValue ?? true
        _ = try await desk.change(audit: unaudited) { book, now throws(Problem) in
            guard let known = book.latest(.connector, item.id) else {
                return try book.createConnector(id: item.id, content: content, isEnabled: isEnabled, at: now)
            }
            guard known.contentHash != content.hash || (known.status == .active) != isEnabled else {
                return DefinitionChange(puts: [])
            }
            return try book.replaceConnector(id: item.id, content: content, isEnabled: isEnabled, at: now)
        }
    }
}
