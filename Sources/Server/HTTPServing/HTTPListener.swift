import NIOCore
package import NIOPosix
import NIOSSL
import Synchronization
import Vocabulary

/// Listens on an address and serves HTTP/1.1 and HTTP/2 to a handler, over TLS where there is an identity.
package final class HTTPListener<Handler: HTTPHandling>: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let site: HTTPSite<Handler>
    private let identity: TLSIdentity?
    private let counts: ConnectionCounts
    private let observe: @Sendable (HTTPServingEvent) -> Void
    private let sweepers: [ObjectIdentifier: NIOLoopBoundBox<ConnectionSweeper>]
    private let listening = Mutex<(any Channel)?>(nil)

    /// - Parameters:
    ///   - group: the loops to serve on; shut down with the listener.
    ///   - identity: nil for plain connections.
    ///   - connections: counts them, and says how many there may be.
    package init(
        group: MultiThreadedEventLoopGroup, handler: Handler, limits: HTTPServerLimits,
        connections: ConnectionCounts, identity: TLSIdentity?, observe: @escaping @Sendable (HTTPServingEvent) -> Void
    ) {
        self.group = group
        self.identity = identity
        self.observe = observe
        site = HTTPSite(
            handler: handler, limits: limits, fixed: FixedHeaders(limits, isSecure: identity != nil))
        counts = connections
        var sweepers: [ObjectIdentifier: NIOLoopBoundBox<ConnectionSweeper>] = [:]
        for loop in group.makeIterator() {
            let bound = NIOLoopBoundBox.makeBoxSendingValue(
                ConnectionSweeper(), eventLoop: loop)
            sweepers[ObjectIdentifier(loop)] = bound
            loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in bound.value.sweep() }
        }
        self.sweepers = sweepers
    }

    package var connectionCount: Int { counts.total }

    /// - Returns: the port that is listened on.
    package func start(host: String, port: Int) async throws -> Int {
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 256 * 1024, high: 1024 * 1024))
            .childChannelInitializer { [self] channel in accept(channel) }
            .bind(host: host, port: port).get()
        listening.withLock { $0 = channel }
        return channel.localAddress?.port ?? port
    }

    private func accept(_ channel: any Channel) -> EventLoopFuture<Void> {
        let client = channel.remoteAddress?.ipAddress ?? "unknown"
        switch counts.enter(client) {
        case .admitted: break
        case .full:
            observe(.refused)
            return channel.close()
        case .clientFull:
            observe(.refusedClient)
            return channel.close()
        }
        channel.closeFuture.whenComplete { [counts] _ in counts.leave(client) }
        guard let sweeper = sweepers[ObjectIdentifier(channel.eventLoop)] else { return channel.close() }
        return channel.eventLoop.makeCompletedFuture {
            guard let identity else {
                try channel.pipeline.syncOperations.addHandler(HTTPConnection(site: site, sweeper: sweeper.value))
                return
            }
            try greet(channel, identity, sweeper.value)
        }
    }

    private func greet(_ channel: any Channel, _ identity: TLSIdentity, _ sweeper: ConnectionSweeper) throws {
        let greeting = TLSGreeting(sweeper: sweeper, seconds: site.limits.headSeconds) { [observe] in
            observe(.handshakeFailed)
        } greeted: { [site] place, speaksHTTP2 in
            if speaksHTTP2 {
                try HTTP2Session.install(site: site, sweeper: sweeper, behind: place)
            } else {
                try place.pipeline.syncOperations.addHandler(
                    HTTPConnection(site: site, sweeper: sweeper), position: .after(place.handler))
            }
        }
        try channel.pipeline.syncOperations.addHandlers([NIOSSLServerHandler(context: identity.context), greeting])
    }

    /// Stops accepting, closes idle connections, and lets requests in flight finish.
    package func drain() async {
        let channel = listening.withLock { listening in
            let channel = listening
            listening = nil
            return channel
        }
        try? await channel?.close()  // already closed is as good
        for loop in group.makeIterator() {
            guard let sweeper = sweepers[ObjectIdentifier(loop)] else { continue }
            loop.execute { sweeper.value.drain() }
        }
    }

    /// Ends what is left, and the threads.
    package func shutDown() async { try? await group.shutdownGracefully() }  // closes what it can; nothing else to do
}
