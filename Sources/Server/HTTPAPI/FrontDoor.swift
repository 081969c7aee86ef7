import Channels
import Definitions
package import HTTPServing
import JSONTree
import NIOCore
package import Vocabulary

/// Where every HTTP request enters: data requests are answered on the event loop, everything else goes to the
/// services that may wait.
package final class FrontDoor: HTTPHandling {
    private let data: DataPlane
    private let operations: Operations
    private let administration: AdminBridge
    private let services: DataServices
    private let accessLog: AccessLog?
    private let mcp: AdminBridge?
    private let loops: LoopStates

    /// - Parameters:
    ///   - mcp: what answers at `/mcp`; nil where nothing does.
    ///   - accessLog: nil for none.
    package init(
        services: DataServices, operations: Operations, administration: AdminBridge, mcp: AdminBridge?,
        loops: LoopStates, accessLog: AccessLog? = nil
    ) {
        self.accessLog = accessLog
        self.mcp = mcp
        self.loops = loops
        self.services = services
        self.operations = operations
        self.administration = administration
        data = DataPlane(services: services)
    }

    package func handle(_ request: HTTPRequest, reply: HTTPReplyHandle) {
        let path = request.path
        if path.hasPrefix(Self.dataPrefix) {
            let rest = path.dropFirst(Self.dataPrefix.utf8.count)
            reply.mark(plane: RequestMeters.Plane.data.rawValue)
            if rest.hasPrefix("traces/"), !rest.dropFirst(7).contains("/"), Self.readsTraces(request) {
                answerAside(request, services.crossOrigin.platform, reply) { administration.handle($0, reply: $1) }
                return
            }
            data.handle(request, path: rest, reply: reply, loop: loops.current())
        } else if path == "/health" || path == "/healthz" || path == "/readyz" || path == "/metrics" {
            reply.mark(plane: RequestMeters.Plane.operations.rawValue)
            answerAside(request, services.crossOrigin.platform, reply) { operations.handle($0, path: path, reply: $1) }
        } else {
            reply.mark(plane: RequestMeters.Plane.admin.rawValue)
            let bridge = path == "/mcp" ? mcp ?? administration : administration
            answerAside(request, services.crossOrigin.admin, reply) { bridge.handle($0, reply: $1) }
        }
    }

    private static let dataPrefix = "/api/v1/data/"

    /// A page that may read a trace asks first.
    private static func readsTraces(_ request: HTTPRequest) -> Bool {
        request.method == .get || request.method == .options && CrossOrigin.Preflight(request)?.method == "GET"
    }

    /// What is no channel: its pre-flights are answered here, its replies carry the policy's headers.
    private func answerAside(
        _ request: HTTPRequest, _ policy: CORSPolicy?, _ reply: HTTPReplyHandle,
        _ answer: (HTTPRequest, HTTPReplyHandle) -> Void
    ) {
        guard let policy else { return answer(request, reply) }
        if let question = CrossOrigin.Preflight(request) { return reply.send(question.answer(policy)) }
        CrossOrigin.promise(policy, to: request, on: reply)
        answer(request, reply)
    }

    package func bodyLimit(of request: HTTPRequest) -> Int {
        if request.pathStarts(with: "/api/v1/admin/") || request.path == "/mcp" { return services.bodyLimits.admin }
        let platform = services.bodyLimits.data
        if let length = request.declaredLength, length <= ChannelConfig.smallestPayloadLimit { return platform }
        let loop = loops.current()
        guard loop.snapshot(of: services.state).limitsBodies else { return platform }
        let path = request.path
        guard path.hasPrefix(Self.dataPrefix) else { return platform }
        return data.bodyLimit(
            of: request, path: path.dropFirst(Self.dataPrefix.utf8.count), platform: platform, loop: loop)
    }

    package func answered(_ response: HTTPResponse, to exchange: HTTPExchange) {
        services.meters.count(response, plane: exchange.plane, receivedAt: exchange.receivedAt)
        accessLog?.record(
            response, exchange, client: exchange.request.map(services.clientAddress.client) ?? exchange.peer,
            lane: loops.current().lane)
    }

    package func problem(_ problem: Problem, requestID: String, of request: HTTPRequest?) -> HTTPResponse {
        var response = Replies.problem(problem, requestID: requestID)
        guard let request, let policy = policy(of: request) else { return response }
        response.headers += policy.replyHeaders(to: request.header("origin"))
        return response
    }

    private func policy(of request: HTTPRequest) -> CORSPolicy? {
        let path = request.path
        if path.hasPrefix(Self.dataPrefix) {
            return data.policy(
                of: request, path: path.dropFirst(Self.dataPrefix.utf8.count), loop: loops.current())
        }
        return path.hasPrefix("/api/") || path == "/mcp" ? services.crossOrigin.admin : services.crossOrigin.platform
    }
}
