import NIOCore
import NIOHTTP2
import Vocabulary

/// One HTTP/2 connection: what its streams share, and when it ends.
final class HTTP2Session<Handler: HTTPHandling>: ChannelInboundHandler, SweptConnection {
    typealias InboundIn = HTTP2Frame

    let site: HTTPSite<Handler>
    let sweeper: ConnectionSweeper
    private(set) var peer = "unknown"
    var responseHead: ResponseHead
    var identifiers = IdentifierSource()
    private var largeBodies = LargeBodies<ObjectIdentifier>(most: 16)
    private var streams: [ObjectIdentifier: HTTP2Stream<Handler>] = [:]
    private var context: ChannelHandlerContext?
    private var deadline: UInt64 = .max
    private var isEnding = false
    private(set) var isDraining = false

    /// Bytes of uploads on their way to us.
    private static var connectionWindow: Int { 1 << 20 }
    /// Frames that make us work and bring nothing, in half a minute, before the connection is ended: RST_STREAM above
    /// all, which makes the "rapid reset" attack.
    private static var mostResets: Int { 200 }

    private init(site: HTTPSite<Handler>, sweeper: ConnectionSweeper) {
        self.site = site
        self.sweeper = sweeper
        responseHead = ResponseHead(fixed: site.fixed)
    }

    /// Makes the rest of the pipeline speak HTTP/2.
    static func install(
        site: HTTPSite<Handler>, sweeper: ConnectionSweeper, behind place: ChannelHandlerContext
    ) throws {
        let session = HTTP2Session(site: site, sweeper: sweeper)
        let eventLoop = place.eventLoop
        let bound = NIOLoopBound(session, eventLoop: eventLoop)
        var configuration = NIOHTTP2Handler.Configuration()
        configuration.connection.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: site.limits.maxStreams),
            // Twice ours: what is a little too long gets a 431 on its stream, not the end of the connection.
            HTTP2Setting(parameter: .maxHeaderListSize, value: 2 * site.limits.maxHeadBytes),
        ]
        configuration.connection.targetWindowSize = connectionWindow
        configuration.stream.streamResetFrameRateLimit.maximumCount = mostResets
        let management = NIOHTTP2ServerConnectionManagementHandler(
            eventLoop: eventLoop,
            configuration: .init(maxIdleTime: nil, maxAge: nil, maxGraceTime: nil, keepalive: nil))
        let framing = NIOHTTP2Handler(
            mode: .server, eventLoop: eventLoop, connectionConfiguration: configuration.connection,
            streamConfiguration: configuration.stream, streamDelegate: management.http2StreamDelegate
        ) { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(HTTP2Stream(session: bound.value))
            }
        }
        try place.pipeline.syncOperations.addHandlers(
            [framing, management, session], position: .after(place.handler))
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        peer = context.channel.remoteAddress?.ipAddress ?? "unknown"
        setDeadline(inSeconds: site.limits.headSeconds)
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

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What one stream did wrong has ended that stream.
        if error is NIOHTTP2Errors.StreamError { return }
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    // MARK: Streams

    func opened(_ stream: HTTP2Stream<Handler>) {
        streams[ObjectIdentifier(stream)] = stream
        deadline = .max
    }

    func closed(_ stream: HTTP2Stream<Handler>) {
        streams[ObjectIdentifier(stream)] = nil
        if let next = largeBodies.leave(ObjectIdentifier(stream)) { streams[next]?.resume() }
        if streams.isEmpty { setDeadline(inSeconds: isDraining ? 1 : site.limits.idleSeconds) }
    }

    /// - Returns: whether the stream may go on gathering; else it will be resumed.
    func admitsLargeBody(of stream: HTTP2Stream<Handler>) -> Bool { largeBodies.enter(ObjectIdentifier(stream)) }

    // MARK: Time

    private func setDeadline(inSeconds seconds: Int) {
        deadline = Stopwatch.nanoseconds() + UInt64(seconds) * 1_000_000_000
    }

    func isOverdue(at now: UInt64) -> Bool { now >= deadline }

    /// Says goodbye first; ends it when nobody listens.
    func timeOut() {
        guard let context else { return }
        guard !isEnding else { return context.close(promise: nil) }
        isEnding = true
        setDeadline(inSeconds: 1)
        context.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
    }

    /// No new streams; those there are may finish.
    func drain() {
        guard !isDraining else { return }
        isDraining = true
        isEnding = true
        if streams.isEmpty { setDeadline(inSeconds: 1) }
        context?.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
    }
}
