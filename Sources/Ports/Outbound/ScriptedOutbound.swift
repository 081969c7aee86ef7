import Synchronization

/// The port without a network: answers from a script, and remembers what it was asked. For tests and trials.
package final class ScriptedOutbound: OutboundHTTP {
    package typealias Answer = @Sendable (OutboundRequest) throws(OutboundFailure) -> OutboundReply

    private let answer: Answer
    private let asked = Mutex<[OutboundRequest]>([])

    package init(_ answer: @escaping Answer) { self.answer = answer }

    package var requests: [OutboundRequest] { asked.withLock { $0 } }

    package func send(_ request: OutboundRequest) async throws(OutboundFailure) -> OutboundReply {
        asked.withLock { $0.append(request) }
        return try answer(request)
    }
}
