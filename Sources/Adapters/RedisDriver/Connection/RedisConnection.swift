import Glibc
import NIOCore

/// One connection on its event loop: writes commands, reads replies. What is written in one turn of the loop goes out
/// together; where replies lead to many new commands, in pieces, so that the server need not wait for the last.
final class RedisConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var received: (RedisReply) -> Void = { _ in }
    private var ended: (String) -> Void = { _ in }
    private var context: ChannelHandlerContext?
    private var inbound = ByteBuffer()
    /// What goes out with the next flush.
    private let commands = CommandBuffer()
    /// What went out with the last one; its memory is used again.
    private var outbound = ByteBuffer()
    private var reader: ReplyReader
    private var isReading = false
    private var willFlush = false
    /// Commands that wait for the next flush.
    private var unsent = 0
    /// Commands whose replies have not been handed out; below 0 where a server says more than it is asked.
    private var unanswered = 0
    /// While replies are handed out, so many new commands do not wait for the last of them.
    private var piece = mostUnsent
    /// How often the loop's thread had gone to sleep when it was looked at last.
    private var sleeps = 0
    /// How often somebody else was told the replies.
    private var watches = 0
    /// Why it ended.
    private var end: String?

    private static let mostUnsent = 32
    /// With fewer commands under way, pieces are not worth a system call each.
    private static let many = 16

    init(mostReplyBytes: Int) { reader = ReplyReader(mostBytes: mostReplyBytes) }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// - Parameters:
    ///   - received: told each reply from now on, in order.
    ///   - ended: told once why it ended, at once if it has: a sentence without secrets.
    func watch(received: @escaping (RedisReply) -> Void, ended: @escaping (String) -> Void) {
        if let end { return ended(end) }
        watches += 1
        self.received = received
        self.ended = ended
    }

    // MARK: Writing

    /// - Parameter asText: whether a script goes as its text.
    func write(_ command: RedisCommand, asText: Bool = false) {
        guard end == nil, context != nil else { return }
        command.write(asText: asText, to: commands)
        unsent += 1
        unanswered += 1
        guard !willFlush else { return }
        willFlush = true
        // While replies are handed out, more questions may come of them: they go out together when it is done.
        guard !isReading, let context else { return }
        context.eventLoop.assumeIsolated().execute { self.flush() }
    }

    private func flush() {
        guard willFlush else { return }
        willFlush = false
        unsent = 0
        guard let context, !commands.isEmpty else { return }
        outbound.clear()
        outbound.writeBytes(commands.bytes)
        commands.clear()
        context.writeAndFlush(wrapOutboundOut(outbound), promise: nil)
        // A buffer that one large command made large is not kept.
        if outbound.capacity > 256 << 10 { outbound = ByteBuffer() }
    }

    // MARK: Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        isReading = true
        choosePiece()
        if inbound.readableBytes > 0 {
            inbound.writeBuffer(&bytes)
            bytes = inbound
            inbound = ByteBuffer()
        }
        do throws(ReplyReader.Fault) { try take(&bytes) } catch {
            end(
                error == .tooLarge
                    ? "the server's reply is larger than is allowed"
                    : "what answers there does not speak Redis' protocol"
            )
            context.close(promise: nil)
        }
        guard bytes.readableBytes > 0 else { return }
        if bytes.readerIndex > 1 << 20 { bytes.discardReadBytes() }
        inbound = bytes
    }

    /// A loop that went to sleep since the last replies waits for the server: it gets its next commands early, a quarter at
    /// a time, and works on them meanwhile. A loop that has no rest saves the system calls.
    private func choosePiece() {
        piece = Self.mostUnsent
        guard unanswered >= Self.many else { return }
        var usage = rusage()
        getrusage(1, &usage)  // RUSAGE_THREAD, a macro that is not imported
        if usage.ru_nvcsw != sleeps { piece = min(piece, unanswered / 4) }
        sleeps = usage.ru_nvcsw
    }

    /// Hands out the replies that are whole. The reader is kept aside meanwhile: once for what arrived, not for each reply.
    private func take(_ buffer: inout ByteBuffer) throws(ReplyReader.Fault) {
        var reader = reader
        self.reader = ReplyReader(mostBytes: 0)
        defer { self.reader = reader }
        var fault: ReplyReader.Fault?
        let read = buffer.withUnsafeReadableBytes { bytes in
            var place = 0
            do throws(ReplyReader.Fault) {
                while end == nil {
                    let (received, watches) = (received, watches)
                    while end == nil, watches == self.watches {
                        guard let reply = try reader.next(bytes, &place) else { return place }
                        unanswered -= 1
                        received(reply)
                        if unsent >= piece { flush() }
                    }
                }
            } catch { fault = error }
            return place
        }
        buffer.moveReaderIndex(forwardBy: read)
        if let fault { throw fault }
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
