import NIOCore
import NIOSSL
import Vocabulary

/// One HTTP/1.1 connection: gathers bytes, reads requests one after the other, hands each over and goes on
/// when it is answered.
final class HTTPConnection<Handler: HTTPHandling>: HTTPReceiver<Handler>, ChannelInboundHandler,
    RemovableChannelHandler
{
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Reading {
        case head
        case length(Int)
        case chunked(ChunkedBody)
    }

    private let site: HTTPSite<Handler>
    private let sweeper: ConnectionSweeper
    private var responseHead: ResponseHead
    private var outbound = ByteBufferAllocator().buffer(capacity: 1024)
    private var inbound = ByteBuffer()
    private var reading = Reading.head
    private var scanned = 0
    private var isProcessing = false
    private var inputEnded = false
    private var isPaused = false
    private var closesAfterReply = false
    private var isLingering = false
    private var isDraining = false
    private var identifiers = IdentifierSource()

    /// Bytes of further requests that may wait while one is being answered.
    private static var mostWaiting: Int { 64 * 1024 }

    init(site: HTTPSite<Handler>, sweeper: ConnectionSweeper) {
        self.site = site
        self.sweeper = sweeper
        responseHead = ResponseHead(fixed: site.fixed)
        super.init(handler: site.handler, limits: site.limits)
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

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Requests say their length, so an end without TLS's goodbye cuts nothing off; the event that follows ends it.
        if case NIOSSLError.uncleanShutdown = error { return }
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed = event else { return }
        inputEnded = true
        if !isAnswering { context.close(promise: nil) } else { closesAfterReply = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, !isAnswering { setDeadline(inSeconds: limits.idleSeconds) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isLingering else { return }
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
            reading = .head
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
            guard inbound.readableBytes <= limits.maxHeadBytes else { throw headTooLarge() }
            // From the first byte on: further ones do not put it off.
            if scanned == 0, inbound.readableBytes > 0 { setDeadline(inSeconds: limits.headSeconds) }
            scanned = inbound.readableBytes
            return false
        }
        scanned = 0
        if exchange == 0, isHTTP2Preface {
            becomeHTTP2()
            return false
        }
        guard length <= limits.maxHeadBytes, let bytes = inbound.readSlice(length: length) else {
            throw headTooLarge()
        }
        try take(head: bytes, identifier: identifiers.next(at: .now()))
        try prepareBody()
        return true
    }

    /// Says which part is too large: a request line without an end is a matter of its target.
    private func headTooLarge() -> Problem {
        beginNameless()
        let line = inbound.readableBytesView.prefix(limits.maxTargetBytes + 64)
        guard line.contains(10) else { return HTTPHeadParser.targetTooLong(limits.maxTargetBytes) }
        return Problem(.headersTooLarge, "The request's head has more than \(limits.maxHeadBytes) bytes.")
    }

    /// What is answered now is no request that could be read.
    private func beginNameless() {
        forget()
        requestID = .made(identifiers.next(at: .now()))
    }

    private func prepareBody() throws(Problem) {
        if head.framing == .none { return try handOver(ByteBuffer()) }
        try expectBody()
        if case .length(let length) = head.framing {
            reading = .length(length)
        } else {
            reading = .chunked(ChunkedBody())
        }
        setDeadline(inSeconds: limits.bodySeconds)
        if head.expectsContinue, inbound.readableBytes == 0 {
            context?.writeAndFlush(NIOAny(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
        }
    }

    /// Clients that know beforehand that we speak HTTP/2 begin with this (RFC 9113, section 3.4).
    private var isHTTP2Preface: Bool {
        limits.speaksHTTP2 && inbound.readableBytesView.starts(with: "PRI * HTTP/2.0\r\n\r\n".utf8)
    }

    private func becomeHTTP2() {
        guard let context else { return }
        sweeper.remove(self)
        let bytes = inbound
        inbound = ByteBuffer()
        do {
            try HTTP2Session.install(site: site, sweeper: sweeper, behind: context)
            context.fireChannelRead(NIOAny(bytes))
            context.fireChannelReadComplete()
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        } catch {
            context.close(promise: nil)
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

    /// Answers what is not a request and ends the connection: its bytes cannot be trusted any further.
    ///
    /// What is still on its way is read and thrown away for a moment: closing on it would reset the connection, and the
    /// client would lose the answer.
    private func refuse(_ problem: Problem) {
        closesAfterReply = true
        writeRefusal(problem)
        isLingering = true
        inbound = ByteBuffer()
        pause(false)
        setDeadline(inSeconds: Self.lingerSeconds)
        context?.close(mode: .output, promise: nil)
    }

    private static var lingerSeconds: Int { 2 }

    override func send(_ response: HTTPResponse, body: inout ByteBuffer, isBodiless: Bool, isGzipped: Bool) {
        guard let context else { return }
        let keepsAlive = head.keepsAlive && !closesAfterReply && !isDraining
        responseHead.write(
            response, bodyLength: body.readableBytes, requestID: requestID, more: promisedHeaders,
            keepsAlive: keepsAlive, isGzipped: isGzipped, into: &outbound)
        if !isBodiless { outbound.writeBuffer(&body) }
        closesAfterReply = !keepsAlive
        context.writeAndFlush(NIOAny(outbound), promise: nil)
        setDeadline(inSeconds: context.channel.isWritable ? limits.idleSeconds : limits.writeSeconds)
    }

    /// Called by the sweeper when the deadline has passed.
    func timeOut() {
        guard !isLingering else {
            context?.close(promise: nil)
            return
        }
        let isMidRequest = inbound.readableBytes > 0 || { if case .head = reading { false } else { true } }()
        if isMidRequest, context?.channel.isWritable == true {
            if case .head = reading { beginNameless() }
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
