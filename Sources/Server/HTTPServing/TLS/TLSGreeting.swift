import NIOCore
import NIOTLS
import Vocabulary

/// Waits for the handshake of one connection, and then lets the protocol in that was agreed upon.
final class TLSGreeting: ChannelInboundHandler, RemovableChannelHandler, SweptConnection {
    typealias InboundIn = ByteBuffer

    private let sweeper: ConnectionSweeper
    private let deadline: UInt64
    private let failed: () -> Void
    private let greeted: (_ place: ChannelHandlerContext, _ speaksHTTP2: Bool) throws -> Void
    private var context: ChannelHandlerContext?
    private var hasFailed = false

    /// - Parameters:
    ///   - failed: called once where the handshake comes to nothing.
    ///   - greeted: adds what comes behind this handler.
    init(
        sweeper: ConnectionSweeper, seconds: Int, failed: @escaping () -> Void,
        greeted: @escaping (ChannelHandlerContext, Bool) throws -> Void
    ) {
        self.sweeper = sweeper
        self.failed = failed
        self.greeted = greeted
        deadline = Stopwatch.nanoseconds() + UInt64(seconds) * 1_000_000_000
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        sweeper.add(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    private func end() {
        sweeper.remove(self)
        context = nil
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case TLSUserEvent.handshakeCompleted(let negotiated) = event else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        do {
            try greeted(context, negotiated == "h2")
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        } catch {
            context.close(promise: nil)
        }
    }

    /// Somebody who speaks no TLS, or none that we accept.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !hasFailed { failed() }
        hasFailed = true
        context.close(promise: nil)
    }

    func isOverdue(at now: UInt64) -> Bool { now >= deadline }
    func timeOut() { context?.close(promise: nil) }
    func drain() { context?.close(promise: nil) }
}
