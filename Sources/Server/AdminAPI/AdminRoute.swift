import Storage

/// One route: where it is, what it says about itself in the OpenAPI document, and what answers.
///
/// The table of routes is the only source of both, so that no route can be undescribed.
struct AdminRoute: Sendable {
    typealias Handler = @Sendable (AdminAPI, AdminCall) async throws -> AdminResponse

    enum Access: Sendable { case admin, open }

    /// What success looks like: names of schemas in ``OpenAPISchemas``.
    enum Answer: Sendable, Equatable {
        /// The value itself.
        case plain(String)
        /// `{"data": …}`.
        case one(String)
        /// `{"data": […], …}` with what pages need.
        case page(String)
        case text
        case nothing
    }

    let method: String
    /// Segments in braces are parameters.
    let pattern: String
    let summary: String
    let tag: String
    let query: [String]
    /// The schema of the request's body; nil where the route takes none.
    let body: String?
    let answer: Answer
    let success: Int
    let access: Access
    /// What a key must be allowed to do.
    let scope: AdminScope
    /// The same where the query says `dry_run`.
    let dryRunScope: AdminScope
    let handler: Handler?

    /// - Parameter scope: reading for GET and everything for the rest, where nothing is said.
    init(
        _ method: String, _ pattern: String, tag: String, _ summary: String, query: [String] = [],
        body: String? = nil, answer: Answer, success: Int = 200, access: Access = .admin, scope: AdminScope? = nil,
        handler: Handler?
    ) {
        self.method = method
        self.pattern = pattern
        self.tag = tag
        self.summary = summary
        self.query = query
        self.body = body
        self.answer = answer
        self.success = success
        self.access = access
        let scope = scope ?? (method == "GET" ? .readOnly : .full)
        self.scope = scope
        dryRunScope = query.contains("dry_run") ? min(scope, .draft) : scope
        self.handler = handler
    }

    var hasBody: Bool { body != nil }
    var segments: [Substring] { pattern.split(separator: "/") }
    var parameters: [String] {
        segments.filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) }
    }

    /// The values of its parameters, where the path is its.
    func match(_ path: [String]) -> [String]? {
        let segments = segments
        guard segments.count == path.count else { return nil }
        var values: [String] = []
        for (segment, part) in zip(segments, path) {
            if segment.hasPrefix("{") { values.append(part) } else if segment != part { return nil }
        }
        return values
    }
}
