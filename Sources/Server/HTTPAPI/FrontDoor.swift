package import HTTPServing
import JSONTree
import NIOCore
import NIOPosix
import Synchronization
package import Vocabulary

/// Where every HTTP request enters: data requests are answered on the event loop, everything else goes to the
/// services that may wait.
package final class FrontDoor: HTTPHandling {
    private let data: DataPlane
    private let operations: Operations
    private let administration: AdminBridge
    private let services: DataServices
    // Each thread sees only what it has put there itself.
    private nonisolated(unsafe) let loops = ThreadSpecificVariable<LoopState>()
    private let nextLane = Atomic<Int>(0)

    package init(services: DataServices, operations: Operations, administration: AdminBridge) {
        self.services = services
        self.operations = operations
        self.administration = administration
        data = DataPlane(services: services)
    }

    package func handle(_ request: HTTPRequest, reply: HTTPReplyHandle) {
        let path = request.path
        if path.hasPrefix("/api/v1/data/") {
            let rest = path.dropFirst(13)
            reply.mark(plane: RequestMeters.Plane.data.rawValue)
            if rest.hasPrefix("traces/"), !rest.dropFirst(7).contains("/"), request.method == .get {
                administration.handle(request, reply: reply)
                return
            }
            data.handle(request, path: rest, reply: reply, loop: loopState())
        } else if path == "/health" || path == "/healthz" || path == "/readyz" || path == "/metrics" {
            reply.mark(plane: RequestMeters.Plane.operations.rawValue)
            operations.handle(request, path: path, reply: reply)
        } else {
            reply.mark(plane: RequestMeters.Plane.admin.rawValue)
            administration.handle(request, reply: reply)
        }
    }

    package func answered(_ response: HTTPResponse, plane: Int, receivedAt: UInt64) {
        services.meters.count(response, plane: plane, receivedAt: receivedAt)
    }

    package func problem(_ problem: Problem, requestID: String) -> HTTPResponse {
        Replies.problem(problem, requestID: requestID)
    }

    private func loopState() -> LoopState {
        if let state = loops.currentValue { return state }
        let lane = nextLane.add(1, ordering: .relaxed).oldValue
        let state = LoopState(lane: lane, state: services.state)
        loops.currentValue = state
        return state
    }
}
