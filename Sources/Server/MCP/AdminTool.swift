import AdminAPI
import JSONTree
import Vocabulary
import Workflows

/// A tool that asks the admin API: the same handlers, the same rights, the same audit log.
struct AdminTool: Sendable {
    let name: String
    let title: String
    let summary: String
    let fields: [FunctionDescription.Field]
    let hints: ToolListing.Hints
    let run: @Sendable (AdminToolCall) async -> AdminResponse

    init(
        _ name: String, _ title: String, _ summary: String, fields: [FunctionDescription.Field] = [],
        hints: ToolListing.Hints, run: @escaping @Sendable (AdminToolCall) async -> AdminResponse
    ) {
        self.name = name
        self.title = title
        self.summary = summary
        self.fields = fields
        self.hints = hints
        self.run = run
    }

    var listing: ToolListing {
        ToolListing(
            name: name, title: title, summary: summary, inputSchema: ToolListing.schema(of: fields), hints: hints)
    }
}

/// One call of a tool, with arguments that fit its fields.
struct AdminToolCall: Sendable {
    let arguments: JSONValue
    let api: AdminAPI
    /// What every request to the admin API is made from: who asks, with which key.
    let request: AdminRequest

    static let base = "/api/v1/admin"

    func text(_ name: String) -> String? { arguments.member(name)?.stringValue }
    func flag(_ name: String) -> Bool { arguments.member(name)?.boolValue ?? false }

    /// An argument as one segment of a path.
    func segment(_ name: String) -> String { PercentEncoding.segment(text(name) ?? "") }

    /// The collection of a kind: `/workflows` for `workflow`.
    var collection: String { "/\(text("kind") ?? "")s" }

    /// - Parameters:
    ///   - path: below the admin API's.
    ///   - query: arguments that go into the query, where they are given.
    func ask(
        _ method: String, _ path: String, query names: [String] = [], more: String? = nil, body: [UInt8] = []
    ) async -> AdminResponse {
        // An empty id would lead to the list of all.
        guard !path.hasSuffix("/"), !path.contains("//") else {
            return .problem(Problem(.validation, "The id must not be empty."), requestID: request.requestID)
        }
        let given = names.compactMap { name -> String? in
            guard let value = arguments.member(name) else { return nil }
            return "\(name)=\(PercentEncoding.segment(value.stringValue ?? JSONWriter.string(value)))"
        }
        var request = request
        request.method = method
        request.path = Self.base + path
        request.query = (given + [more].compactMap { $0 }).joined(separator: "&")
        request.body = body
        return await api.respond(to: request)
    }

    /// An argument's JSON text.
    func json(_ name: String) -> [UInt8] { JSONWriter.bytes(arguments.member(name) ?? .null) }
}
