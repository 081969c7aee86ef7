import NIOCore
import NIOHPACK
import NIOHTTP2
import Vocabulary

/// One request on an HTTP/2 connection.
final class HTTP2Stream<Handler: HTTPHandling>: HTTPReceiver<Handler>, ChannelInboundHandler, SweptConnection {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private enum Reading { case head, body, done }

    private let session: HTTP2Session<Handler>
    private var reading = Reading.head
    private var body = ByteBuffer()
    private var hasInputEnded = false
    private var isLingering = false

    /// Bytes of a body that every stream may gather; beyond it the connection's large bodies take turns.
    private static var smallBody: Int { 64 * 1024 }

    init(session: HTTP2Session<Handler>) {
        self.session = session
        super.init(handler: session.site.handler, limits: session.site.limits)
        peer = session.peer
    }

    override var protocolName: StaticString { "HTTP/2" }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        setDeadline(inSeconds: limits.headSeconds)
        session.opened(self)
        session.sweeper.add(self)
    }

    func channelInactive(context: ChannelHandlerContext) { closed() }
    func handlerRemoved(context: ChannelHandlerContext) { closed() }

    private func closed() {
        guard context != nil else { return }
        context = nil
        session.sweeper.remove(self)
        session.closed(self)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do throws(Problem) {
            switch unwrapInboundIn(data) {
            case .headers(let headers):
                hasInputEnded = headers.endStream
                // A second block holds trailers, which nobody here asks for.
                if reading == .head { try take(headers.headers) } else { try endBody() }
            case .data(let part):
                hasInputEnded = part.endStream
                if case .byteBuffer(var bytes) = part.data, reading == .body { try gather(&bytes) }
                try endBody()
            default: break
            }
        } catch {
            refuse(error)
        }
    }

    private func take(_ fields: HPACKHeaders) throws(Problem) {
        reading = .body
        forget()
        let identifier = session.identifiers.next(at: .now())
        requestID = .made(identifier)
        var bytes = ByteBufferAllocator().buffer(capacity: 512)
        try HTTP2Head.write(fields, into: &bytes, limit: limits.maxHeadBytes)
        try take(head: bytes, identifier: identifier)
        if hasInputEnded { return try endBody() }
        try expectBody()
        setDeadline(inSeconds: limits.bodySeconds)
        guard head.expectsContinue, let context else { return }
        context.writeAndFlush(wrapOutboundOut(.headers(.init(headers: [":status": "100"]))), promise: nil)
    }

    private func gather(_ bytes: inout ByteBuffer) throws(Problem) {
        guard body.readableBytes + bytes.readableBytes <= bodyLimit else { throw bodyTooLarge }
        body.writeBuffer(&bytes)
        guard !hasInputEnded, body.readableBytes > Self.smallBody, !session.admitsLargeBody(of: self) else { return }
        setDeadline(inSeconds: nil)
        setReads(false)
    }

    /// Called by the session: it is this stream's turn.
    func resume() {
        guard reading == .body else { return }
        setDeadline(inSeconds: limits.bodySeconds)
        setReads(true)
        context?.read()
    }

    private func setReads(_ reads: Bool) {
        try? context?.channel.syncOptions?.setOption(.autoRead, value: reads)  // fails only on a closed channel
    }

    private func endBody() throws(Problem) {
        guard hasInputEnded, reading == .body else { return }
        reading = .done
        let whole = body
        body = ByteBuffer()
        try handOver(whole)
    }

    /// Answers without reading on; the connection and its other streams are not touched.
    ///
    /// What is still on its way waits behind a shut window. The client has a moment to read the answer and to stop: some
    /// forget an answer when a reset comes right behind it.
    private func refuse(_ problem: Problem) {
        guard context != nil else { return }
        reading = .done
        body = ByteBuffer()
        writeRefusal(problem)
        guard !hasInputEnded else { return }
        isLingering = true
        setReads(false)
        setDeadline(inSeconds: Self.lingerSeconds)
    }

    private static var lingerSeconds: Int { 2 }

    override func send(_ response: HTTPResponse, body: inout ByteBuffer, isBodiless: Bool, isGzipped: Bool) {
        guard let context else { return }
        let fields = session.responseHead.fields(
            response, bodyLength: body.readableBytes, requestID: requestID, more: promisedHeaders,
            isGzipped: isGzipped)
        let endsHere = isBodiless || body.readableBytes == 0
        context.write(wrapOutboundOut(.headers(.init(headers: fields, endStream: endsHere))), promise: nil)
        if !endsHere {
            context.write(wrapOutboundOut(.data(.init(data: .byteBuffer(body), endStream: true))), promise: nil)
        }
        setDeadline(inSeconds: limits.writeSeconds)
        context.flush()
    }

    /// Called by the sweeper: the body came too slowly, or the reply is not read.
    func timeOut() {
        if isLingering {
            context?.writeAndFlush(wrapOutboundOut(.rstStream(.noError)), promise: nil)
        } else if reading == .body, !isAnswering {
            refuse(Problem(.requestTimeout, "The request took too long to arrive."))
        } else {
            context?.close(promise: nil)
        }
    }

    /// The session tells the client; what is under way is finished.
    func drain() {}
}
