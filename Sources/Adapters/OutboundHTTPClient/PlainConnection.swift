import NIOCore
import Outbound

/// One connection without TLS to another system, on its event loop: one exchange after the other.
final class PlainConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    typealias Completion = (Result<OutboundReply, OutboundFailure>, _ mayBeRepeated: Bool) -> Void

    private struct Exchange {
        var reader: ReplyReader
        /// Whether anything came back.
        var isAnswered = false
        var maxBytes: Int
        var deadline: Scheduled<Void>
        var completion: Completion
    }

    private var context: ChannelHandlerContext?
    private var exchange: Exchange?
    private var idleTimer: Scheduled<Void>?
    private var inbound = ByteBuffer()
    private var outbound = ByteBufferAllocator().buffer(capacity: 512)
    /// Told when it is free again, or gone.
    private let changed: (PlainConnection, _ isFree: Bool) -> Void

    init(changed: @escaping (PlainConnection, Bool) -> Void) { self.changed = changed }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// - Parameter completion: called once. `mayBeRepeated`: the connection ended before anything came back, as a kept
    ///   connection does when the other side has given it up meanwhile.
    func send(
        _ request: OutboundRequest, path: String, host: String, by deadline: NIODeadline,
        _ completion: @escaping Completion
    ) {
        idleTimer?.cancel()
        idleTimer = nil
        guard let context, context.channel.isActive else {
            return completion(.failure(.unreachable("the connection broke")), true)
        }
        precondition(exchange == nil, "a connection has one exchange at a time")
        outbound.clear()
        guard RequestHead.write(request, path: path, host: host, into: &outbound) else {
            changed(self, true)
            return completion(.failure(.malformed("a header has a line break")), false)
        }
        let timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.end(.failure(.timedOut))
        }
        exchange = Exchange(
            reader: ReplyReader(method: request.method, maxBodyBytes: request.maxReplyBytes),
            maxBytes: request.maxReplyBytes, deadline: timer, completion: completion)
        outbound.writeBytes(request.body)
        context.writeAndFlush(wrapOutboundOut(outbound), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard exchange != nil else {
            context.close(promise: nil)  // an answer nobody asked for
            return
        }
        var bytes = unwrapInboundIn(data)
        exchange?.isAnswered = true
        let isDone: Bool
        do throws(ReplyReader.Fault) {
            if inbound.readableBytes == 0 {
                isDone = try exchange?.reader.read(&bytes) ?? false
                inbound = bytes
            } else {
                inbound.writeBuffer(&bytes)
                isDone = try exchange?.reader.read(&inbound) ?? false
            }
        } catch {
            let failure: OutboundFailure =
                error == .tooLarge ? .tooLarge(exchange?.maxBytes ?? 0) : .unreachable("the reply is malformed")
            return end(.failure(failure))
        }
        if isDone { finish() }
    }

    private func finish() {
        guard let done = exchange else { return }
        exchange = nil
        done.deadline.cancel()
        let reader = done.reader
        if reader.keepsAlive, inbound.readableBytes == 0, let context, context.channel.isActive {
            inbound = ByteBuffer()
            changed(self, true)
        } else {
            context?.close(promise: nil)
        }
        done.completion(
            .success(OutboundReply(status: reader.status, headers: reader.headers, body: reader.body)), false)
    }

    private func end(_ result: Result<OutboundReply, OutboundFailure>, mayBeRepeated: Bool = false) {
        guard let ended = exchange else { return }
        exchange = nil
        ended.deadline.cancel()
        context?.close(promise: nil)
        ended.completion(result, mayBeRepeated)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if exchange?.reader.finish() == true { finish() }
        let isUntouched = exchange?.isAnswered == false
        end(.failure(.unreachable("the connection was closed")), mayBeRepeated: isUntouched)
        idleTimer?.cancel()
        changed(self, false)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(.failure(.unreachable("the connection broke")), mayBeRepeated: exchange?.isAnswered == false)
        context.close(promise: nil)
    }

    /// Nobody needs it now: it goes when nobody has needed it for a while.
    func rest(for time: TimeAmount) {
        guard let context else { return }
        idleTimer = context.eventLoop.assumeIsolated().scheduleTask(in: time) { self.context?.close(promise: nil) }
    }

    func close() { context?.close(promise: nil) }
}
