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

    static func apply(
        _ definitions: [StartDefinition], to desk: DefinitionDesk, functions: FunctionCatalogue
    ) async throws {
        var items: [(kind: DefinitionKind, id: String, content: DefinitionContent, file: String)] = []
        for definition in definitions {
            let json: OwnedJSON
            do throws(JSONSyntaxError) { json = try OwnedJSON(parsing: definition.body.bytes) } catch {
                throw StartFailure("\(definition.file) is not JSON: \(error.message)")
            }
            let values = json.value.isArray ? (0..<json.value.count).map { json.value[$0] } : [json.value]
            for value in values { items.append(try item(value, definition.file, functions)) }
        }
        for kind in [DefinitionKind.workflow, .channel] {
            for item in items where item.kind == kind { try await apply(item, desk) }
        }
    }

    private static func item(
        _ value: JSONValue, _ file: String, _ functions: FunctionCatalogue
    ) throws -> (kind: DefinitionKind, id: String, content: DefinitionContent, file: String) {
        let kind: DefinitionKind = value.member("tasks") == nil ? .channel : .workflow
        var details: [Problem.Detail] = []
        if kind == .channel {
            details = ChannelDefinition.parse(value).1
        } else {
            do throws(Problem) {
                _ = try CompiledWorkflow.compile(value, id: "", version: 0, functions: functions)
            } catch {
                details = error.details
            }
        }
        if let first = details.first { throw StartFailure("\(file): \(first.path): \(first.message)") }
        guard let id = value.member(kind == .workflow ? "workflow_id" : "channel_id")?.stringValue else {
            throw StartFailure("\(file): a definition in a file needs its id.")
        }
        return (kind, id, DefinitionContent(value, kind: kind), file)
    }

    /// Files are applied by whoever starts the program, not over the API.
    private static let unaudited: @Sendable (DefinitionBook, DefinitionChange, Timestamp) -> [AuditRecord] =
        { _, _, _ in [] }

    /// Nothing where it is live as it is; else a new version goes live.
    private static func apply(
        _ item: (kind: DefinitionKind, id: String, content: DefinitionContent, file: String), _ desk: DefinitionDesk
    ) async throws {
        if try await desk.book().active(item.kind, item.id).last?.contentHash == item.content.hash { return }
        do throws(Problem) {
            _ = try await desk.change(audit: Self.unaudited) { book, now throws(Problem) in
                guard let latest = book.latest(item.kind, item.id) else {
                    return try book.create(item.kind, id: item.id, content: item.content, at: now)
                }
                guard latest.status != .draft else {
                    return try book.edit(item.kind, id: item.id, content: item.content, at: now)
                }
                var change = try book.newVersion(item.kind, id: item.id, at: now)
                change.puts[0].body = item.content.body
                change.puts[0].contentHash = item.content.hash
                return change
            }
            _ = try await desk.change(audit: Self.unaudited) { book, now throws(Problem) in
                try book.activate(item.kind, id: item.id, percentage: 100, at: now)
            }
        } catch {
            throw StartFailure("\(item.file): \(error.message)")
        }
    }
}
