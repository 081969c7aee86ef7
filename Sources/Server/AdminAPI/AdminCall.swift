import JSONTree
package import Vocabulary

/// A request on its way through a handler.
struct AdminCall: Sendable {
    let request: AdminRequest
    let principal: AdminKeys.Principal
    let parameters: [String]
    let query: [String: String]
    private let json: OwnedJSON?

    /// Its body must be JSON where the route takes one, its query what the route knows.
    init(
        request: AdminRequest, principal: AdminKeys.Principal, route: AdminRoute, parameters: [String],
        query: [String: String], limits: JSONLimits
    ) throws(Problem) {
        self.request = request
        self.principal = principal
        self.parameters = parameters
        self.query = query
        let details = query.sorted { $0.key < $1.key }.compactMap { Self.complaint($0.key, $0.value, route) }
        if let first = details.first {
            throw Problem(.validation, "Query parameter `\(first.path)`: \(first.message)", details: details)
        }
        guard route.hasBody else {
            json = nil
            return
        }
        do throws(JSONSyntaxError) {
            json = try OwnedJSON(parsing: request.body, limits: limits)
        } catch {
            throw Problem(.validation, "The body is not valid JSON: \(error.message)")
        }
    }

    /// What is wrong with a parameter of the query: a misspelt one would be passed over, and the answer a wrong one.
    private static func complaint(_ name: String, _ value: String, _ route: AdminRoute) -> Problem.Detail? {
        let shown = String(name.prefix(64))
        guard route.query.contains(name) else {
            let known = route.query.isEmpty ? "none" : route.query.joined(separator: ", ")
            return .init(shown, .unknownField, "This path does not take it.", expected: known)
        }
        switch name {
        case "limit", "offset", "count":
            guard Int(value).map({ $0 < 0 }) ?? true else { return nil }
            return .init(shown, .invalid, "It must be a whole number.", expected: "0 or more")
        case "reload":
            guard value != "now", value != "defer" else { return nil }
            return .init(shown, .invalid, "It must be now or defer.", expected: "now, defer")
        case "dry_run", "include_total":
            guard !["true", "false", "1", "0"].contains(value) else { return nil }
            return .init(shown, .invalid, "It must be true or false.", expected: "true, false")
        case "sort_order":
            guard value != "asc", value != "desc" else { return nil }
            return .init(shown, .invalid, "There is no such order.", expected: "asc, desc")
        default: return nil
        }
    }

    /// The body, which lives as long as the call.
    var body: JSONValue { json?.value ?? .null }

    func flag(_ name: String) -> Bool { query[name] == "true" || query[name] == "1" }

    var limit: Int { max(1, min(1000, query["limit"].flatMap { Int($0) } ?? 50)) }
    var offset: Int { max(0, query["offset"].flatMap { Int($0) } ?? 0) }
    var isAscending: Bool { query["sort_order"] == "asc" }
}

extension AdminResponse {
    /// `{"data": …}` written by `body`.
    static func data(
        _ status: Int = 200, headers: [(String, String)] = [], _ body: (inout JSONByteBuffer) -> Void
    ) -> AdminResponse {
        var buffer = JSONByteBuffer()
        buffer.append("{\"data\":")
        body(&buffer)
        buffer.append("}")
        return AdminResponse(status: status, headers: headers, body: buffer.bytes)
    }

    package static func problem(_ problem: Problem, requestID: String) -> AdminResponse {
        var headers: [(String, String)] = []
        if let wait = problem.retryAfter { headers.append(("retry-after", "\(Int(wait.inSeconds.rounded(.up)))")) }
        if problem.code == .unauthorized { headers.append(("www-authenticate", "Bearer")) }
        var response = AdminResponse(
            status: problem.code.httpStatus, headers: headers, body: problem.envelope(requestID: requestID))
        response.problem = problem.code
        return response
    }
}
