import NIOCore
import Vocabulary

/// The receiving half of one connection: gathers bytes, reads requests one after the other, hands each over and goes on
/// when it is answered.
final class HTTPConnection<Handler: HTTPHandling>: HTTPOutlet, ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Reading {
        case head
        case length(Int)
        case chunked(ChunkedBody)
    }

    private let handler: Handler
    private let sweeper: ConnectionSweeper
    private var inbound = ByteBuffer()
    private var reading = Reading.head
    private var scanned = 0
    private var isProcessing = false
    private var inputEnded = false
    private var isPaused = false
    private var bodyLimit = 0
    private var receivedAt: UInt64 = 0
    private var peer = ""
    private var identifiers = IdentifierSource()
    private let parser: HTTPHeadParser

    /// Bytes of further requests that may wait while one is being answered.
    private static var mostWaiting: Int { 64 * 1024 }

    init(handler: Handler, limits: HTTPServerLimits, sweeper: ConnectionSweeper) {
        self.handler = handler
        self.sweeper = sweeper
        parser = HTTPHeadParser(maxHeaders: limits.maxHeaders)
        super.init(limits: limits)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { opened(context) }
    }

    func channelActive(context: ChannelHandlerContext) { opened(context) }

    private func opened(_ context: ChannelHandlerContext) {
        guard peer.isEmpty else { return }
        peer = context.channel.remoteAddress?.ipAddress ?? "unknown"
        setDeadline(inSeconds: limits.headSeconds)
        sweeper.add(self)
    }

    func channelInactive(context: ChannelHandlerContext) {
        sweeper.remove(self)
        self.context = nil
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed = event else { return }
        inputEnded = true
        if !isAnswering { context.close(promise: nil) } else { closesAfterReply = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, !isAnswering { setDeadline(inSeconds: limits.idleSeconds) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if inbound.readableBytes == 0 {
            inbound = bytes
            scanned = 0
        } else {
            inbound.discardReadBytes()
            inbound.writeBuffer(&bytes)
        }
        if isAnswering {
            if inbound.readableBytes > Self.mostWaiting { pause(true) }
        } else {
            process()
        }
    }

    private func pause(_ paused: Bool) {
        guard paused != isPaused else { return }
        isPaused = paused
        try? context?.channel.syncOptions?.setOption(.autoRead, value: !paused)  // fails only on a closed channel
    }

    override func count(_ response: HTTPResponse) {
        handler.answered(response, plane: plane, receivedAt: receivedAt)
    }

    override func answered() {
        if closesAfterReply {
            context?.close(promise: nil)
            return
        }
        pause(false)
        process()
    }

    /// Reads as many requests as are complete. Answers that come at once do not recurse: the loop goes on instead.
    private func process() {
        guard !isProcessing else { return }
        isProcessing = true
        defer { isProcessing = false }
        while !isAnswering, !closesAfterReply, context != nil, inbound.readableBytes > 0 {
            do throws(Problem) {
                guard try step() else { break }
            } catch {
                refuse(error)
            }
        }
        if inputEnded, !isAnswering { context?.close(promise: nil) }
    }

    /// - Returns: whether there may be more to do with the bytes at hand.
    private func step() throws(Problem) -> Bool {
        switch reading {
        case .head: return try readHead()
        case .length(let length):
            guard let body = inbound.readSlice(length: length) else { return false }
            try handOver(body)
        case .chunked(var chunked):
            reading = .head
            try chunked.take(from: &inbound, limit: bodyLimit)
            guard chunked.isDone else {
                reading = .chunked(chunked)
                return false
            }
            try handOver(chunked.body)
        }
        return true
    }

    private func readHead() throws(Problem) -> Bool {
        skipEmptyLines()
        guard let length = headLength() else {
            guard inbound.readableBytes <= limits.maxHeadBytes else {
                throw Problem(.headersTooLarge, "The request's head has more than \(limits.maxHeadBytes) bytes.")
            }
            if scanned == 0 || exchange > 0 { setDeadline(inSeconds: limits.headSeconds) }
            scanned = inbound.readableBytes
            return false
        }
        scanned = 0
        receivedAt = Stopwatch.nanoseconds()
        guard length <= limits.maxHeadBytes, let bytes = inbound.readSlice(length: length) else {
            throw Problem(.headersTooLarge, "The request's head has more than \(limits.maxHeadBytes) bytes.")
        }
        head.buffer = bytes
        requestID = .made(identifiers.next(at: .now()))
        let parsed = bytes.withUnsafeReadableBytes { all -> Problem? in
            do throws(Problem) {
                try parser.parse(all, into: head)
                bodyLimit = limits.maxBodyBytes(head.path.bytes(of: all))
                if let span = head.requestID {
                    requestID = .given(String(decoding: span.bytes(of: all), as: UTF8.self))
                }
                return nil
            } catch {
                return error
            }
        }
        if let parsed { throw parsed }
        try prepareBody()
        return true
    }

    private func prepareBody() throws(Problem) {
        switch head.framing {
        case .none:
            try handOver(ByteBuffer())
            return
        case .length(let length):
            guard length <= bodyLimit else {
                throw Problem(.payloadTooLarge, "The body has more than the \(bodyLimit) bytes allowed.")
            }
            reading = .length(length)
        case .chunked: reading = .chunked(ChunkedBody())
        }
        setDeadline(inSeconds: limits.bodySeconds)
        if head.expectsContinue, inbound.readableBytes == 0 {
            context?.writeAndFlush(NIOAny(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
        }
    }

    /// A client may send an empty line or two after a body (RFC 9112, section 2.2).
    private func skipEmptyLines() {
        while inbound.readableBytes >= 2, scanned == 0,
            inbound.getInteger(at: inbound.readerIndex, as: UInt16.self) == 0x0D0A
        {
            inbound.moveReaderIndex(forwardBy: 2)
        }
    }

    /// Bytes through the empty line that ends the head, if it is there; looks only at what is new.
    private func headLength() -> Int? {
        inbound.withUnsafeReadableBytes { bytes in
            var at = max(3, scanned)
            while at < bytes.count {
                if bytes[at] == 10, bytes[at - 1] == 13, bytes[at - 2] == 10, bytes[at - 3] == 13 { return at + 1 }
                at += 1
            }
            return nil
        }
    }

    private func handOver(_ body: ByteBuffer) throws(Problem) {
        reading = .head
        let whole = head.isGzipped && body.readableBytes > 0 ? try Gzip.expand(body, limit: bodyLimit) : body
        guard let context else { return }
        let exchange = begin()
        let reply = HTTPReplyHandle(
            connection: NIOLoopBound(self, eventLoop: context.eventLoop), exchange: exchange,
            eventLoop: context.eventLoop)
        handler.handle(HTTPRequest(head: head, body: whole, receivedAt: receivedAt, peer: peer), reply: reply)
    }

    /// Answers what is not a request and ends the connection: its bytes cannot be trusted any further.
    func refuse(_ problem: Problem) {
        head.acceptsGzip = false
        closesAfterReply = true
        if head.method == .head { head.method = .other }
        let response = handler.problem(problem, requestID: requestID.text)
        write(response)
        handler.answered(response, plane: 0, receivedAt: receivedAt)
        context?.close(mode: .output, promise: nil)
        context?.close(promise: nil)
    }

    /// Called by the sweeper when the deadline has passed.
    func timeOut() {
        let isMidRequest = inbound.readableBytes > 0 || { if case .head = reading { false } else { true } }()
        if isMidRequest, context?.channel.isWritable == true {
            refuse(Problem(.requestTimeout, "The request took too long to arrive."))
        } else {
            context?.close(promise: nil)
        }
    }

    /// Finish what is being answered, then close. A request may be on its way already: it gets a moment to arrive.
    func drain() {
        isDraining = true
        if !isAnswering { setDeadline(inSeconds: 1) }
    }
}

extension HTTPConnection: SweptConnection {}
