import NIOCore
package import NIOPosix
import Synchronization
import Vocabulary

/// Listens on an address and serves HTTP/1.1 to a handler.
package final class HTTPListener<Handler: HTTPHandling>: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let handler: Handler
    private let limits: HTTPServerLimits
    private let sweepers: [ObjectIdentifier: NIOLoopBoundBox<ConnectionSweeper>]
    private let listening = Mutex<(any Channel)?>(nil)
    private let open = Atomic<Int>(0)

    /// - Parameter group: the loops to serve on; shut down with the listener.
    package init(group: MultiThreadedEventLoopGroup, handler: Handler, limits: HTTPServerLimits) {
        self.group = group
        self.handler = handler
        self.limits = limits
        var sweepers: [ObjectIdentifier: NIOLoopBoundBox<ConnectionSweeper>] = [:]
        for loop in group.makeIterator() {
            let bound = NIOLoopBoundBox.makeBoxSendingValue(
                ConnectionSweeper(), eventLoop: loop)
            sweepers[ObjectIdentifier(loop)] = bound
            loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in bound.value.sweep() }
        }
        self.sweepers = sweepers
    }

    package var connectionCount: Int { open.load(ordering: .relaxed) }

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
        guard open.add(1, ordering: .relaxed).newValue <= limits.maxConnections,
            let sweeper = sweepers[ObjectIdentifier(channel.eventLoop)]
        else {
            open.subtract(1, ordering: .relaxed)
            return channel.close()
        }
        channel.closeFuture.whenComplete { [self] _ in open.subtract(1, ordering: .relaxed) }
        return channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(
                HTTPConnection(handler: handler, limits: limits, sweeper: sweeper.value))
        }
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
