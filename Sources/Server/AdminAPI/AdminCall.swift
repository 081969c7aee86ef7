import JSONTree
package import Vocabulary

/// A request on its way through a handler.
struct AdminCall: Sendable {
    let request: AdminRequest
    let principal: AdminKeys.Principal
    let parameters: [String]
    let query: [String: String]
    private let json: OwnedJSON?

    /// - Parameter readsBody: whether the route takes a body, which must be JSON then.
    init(
        request: AdminRequest, principal: AdminKeys.Principal, parameters: [String], query: [String: String],
        readsBody: Bool, limits: JSONLimits
    ) throws(Problem) {
        self.request = request
        self.principal = principal
        self.parameters = parameters
        self.query = query
        guard readsBody else {
            json = nil
            return
        }
        do throws(JSONSyntaxError) {
            json = try OwnedJSON(parsing: request.body, limits: limits)
        } catch {
            throw Problem(.validation, "The body is not valid JSON: \(error.message)")
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
