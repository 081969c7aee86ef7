import NIOCore

/// One connection on its event loop: writes commands, reads replies. What is written in one turn of the loop goes out
/// together.
final class RedisConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var received: (RedisReply) -> Void = { _ in }
    private var ended: (String) -> Void = { _ in }
    private var context: ChannelHandlerContext?
    private var inbound = ByteBuffer()
    private var outbound = ByteBufferAllocator().buffer(capacity: 4096)
    private var reader: ReplyReader
    private var isReading = false
    private var willFlush = false
    /// Why it ended.
    private var end: String?

    init(mostReplyBytes: Int) { reader = ReplyReader(mostBytes: mostReplyBytes) }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// - Parameters:
    ///   - received: told each reply from now on, in order.
    ///   - ended: told once why it ended, at once if it has: a sentence without secrets.
    func watch(received: @escaping (RedisReply) -> Void, ended: @escaping (String) -> Void) {
        if let end { return ended(end) }
        self.received = received
        self.ended = ended
    }

    // MARK: Writing

    /// - Parameter asText: whether a script goes as its text.
    func write(_ command: RedisCommand, asText: Bool = false) {
        guard let context, end == nil else { return }
        Self.write(command, asText: asText, to: &outbound)
        guard !willFlush else { return }
        willFlush = true
        // While replies are handed out, more questions may come of them: they go out together when it is done.
        guard !isReading else { return }
        context.eventLoop.assumeIsolated().execute { self.flush() }
    }

    static func write(_ command: RedisCommand, asText: Bool, to buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt8(ascii: "*"))
        if command.count < 10 {
            buffer.writeInteger(48 + UInt8(command.count))
        } else {
            buffer.writeString(String(command.count))
        }
        buffer.writeStaticString("\r\n")
        if let script = command.script { buffer.writeBytes(asText ? script.byText : script.byDigest) }
        buffer.writeBytes(command.body)
    }

    private func flush() {
        guard willFlush else { return }
        willFlush = false
        guard let context, outbound.readableBytes > 0 else { return }
        context.writeAndFlush(wrapOutboundOut(outbound), promise: nil)
        // A buffer that one large command made large is not kept.
        if outbound.capacity > 256 << 10 {
            outbound = ByteBufferAllocator().buffer(capacity: 4096)
        } else {
            outbound.clear()
        }
    }

    // MARK: Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        isReading = true
        do throws(ReplyReader.Fault) {
            if inbound.readableBytes == 0 {
                try take(&bytes)
                inbound = bytes
            } else {
                inbound.writeBuffer(&bytes)
                try take(&inbound)
            }
        } catch {
            end(
                error == .tooLarge
                    ? "the server's reply is larger than is allowed"
                    : "what answers there does not speak Redis' protocol"
            )
            context.close(promise: nil)
        }
        if inbound.readableBytes == 0 {
            inbound = ByteBuffer()
        } else if inbound.readerIndex > 1 << 20 {
            inbound.discardReadBytes()
        }
    }

    private func take(_ buffer: inout ByteBuffer) throws(ReplyReader.Fault) {
        while end == nil, let reply = try reader.next(&buffer) { received(reply) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        flush()
    }

    // MARK: Ending

    func channelInactive(context: ChannelHandlerContext) { end("the server closed the connection") }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(RedisOpening.sentence(error))
        context.close(promise: nil)
    }

    func close() {
        end("the connection was closed")
        context?.close(promise: nil)
    }

    private func end(_ reason: String) {
        guard end == nil else { return }
        end = reason
        let ended = ended
        received = { _ in }
        self.ended = { _ in }
        ended(reason)
    }
}
