import HostLookup
import NIOCore
import NIOPosix
import NIOSSL

/// Opens connections: looks the name up, judges every address, connects to one that was judged, greets.
struct RedisOpening: Sendable {
    let greeting: RedisGreeting
    let options: RedisOptions
    /// Nil for none.
    let tls: NIOSSLContext?
    /// Whether somebody else says who the master is.
    var isFollowing = false

    /// - Parameter done: called on the loop, once.
    func open(
        _ address: RedisAddress, on loop: any EventLoop,
        done: @escaping (Result<RedisConnection, RedisFailure>) -> Void
    ) {
        let attempt = Attempt(loop: loop, done: done)
        let limit = TimeAmount.nanoseconds(
            max(
                1,
                options.openTimeout.components.seconds * 1_000_000_000
                    + options.openTimeout.components.attoseconds / 1_000_000_000))
        attempt.alarm = loop.assumeIsolated().scheduleTask(in: limit) {
            attempt.finish(.failure(.unreachable("\(address) does not answer")))
        }
        look(up: address, on: loop) { found in
            switch found {
            case .failure(let failure): attempt.finish(.failure(failure))
            case .success(let addresses): connect(addresses[...], address, attempt)
            }
        }
    }

    /// One attempt; what comes after its end is closed.
    private final class Attempt {
        let loop: any EventLoop
        var alarm: Scheduled<Void>?
        var connection: RedisConnection?
        private var done: ((Result<RedisConnection, RedisFailure>) -> Void)?
        var isOver: Bool { done == nil }

        init(loop: any EventLoop, done: @escaping (Result<RedisConnection, RedisFailure>) -> Void) {
            self.loop = loop
            self.done = done
        }

        func finish(_ result: Result<RedisConnection, RedisFailure>) {
            guard let done else { return }
            self.done = nil
            alarm?.cancel()
            if case .failure = result { connection?.close() }
            connection = nil
            done(result)
        }
    }

    // MARK: Names

    private func look(
        up address: RedisAddress, on loop: any EventLoop,
        done: @escaping (Result<[SocketAddress], RedisFailure>) -> Void
    ) {
        if let literal = try? SocketAddress(ipAddress: address.host, port: address.port) {  // else it is a name
            return done(judge([literal], address))
        }
        let (host, port) = (address.host, address.port)
        NIOThreadPool.singleton.runIfActive(eventLoop: loop) {
            HostAddresses.look(up: host).compactMap { try? SocketAddress(ipAddress: $0.text, port: port) }  // they are
        }
        .assumeIsolated().whenComplete { result in
            let found = (try? result.get()) ?? []  // the pool has ended: nothing is found
            done(found.isEmpty ? .failure(.unreachable("there is no host `\(host)`")) : judge(found, address))
        }
    }

    private func judge(
        _ found: [SocketAddress], _ address: RedisAddress
    ) -> Result<[SocketAddress], RedisFailure> {
        let isFine = found.allSatisfy { Self.bytes(of: $0).map(options.mayConnect) ?? false }
        return isFine
            ? .success(found) : .failure(.denied("`\(address.host)` leads to an address that may not be called"))
    }

    private static func bytes(of address: SocketAddress) -> [UInt8]? {
        switch address {
        case .v4(let four): withUnsafeBytes(of: four.address.sin_addr) { Array($0) }
        case .v6(let six): withUnsafeBytes(of: six.address.sin6_addr) { Array($0) }
        case .unixDomainSocket: nil
        }
    }

    // MARK: Connecting

    private func connect(_ addresses: ArraySlice<SocketAddress>, _ address: RedisAddress, _ attempt: Attempt) {
        guard !attempt.isOver, let first = addresses.first else { return }
        let connection = NIOLoopBound(
            RedisConnection(mostReplyBytes: options.mostReplyBytes), eventLoop: attempt.loop)
        let tls = tls
        ClientBootstrap(group: attempt.loop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            // What has arrived is nearly always read at once. To look whether there is more would cost each batch a
            // system call, and hold its questions back meanwhile; the loop says when there is more.
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        // A literal address is judged by the certificate's addresses instead.
                        let isName = (try? SocketAddress(ipAddress: address.host, port: 0)) == nil
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: tls, serverHostname: isName ? address.host : nil))
                    }
                    try channel.pipeline.syncOperations.addHandler(connection.value)
                }
            }
            .connect(to: first).assumeIsolated().whenComplete { result in
                switch result {
                case .success:
                    guard !attempt.isOver else { return connection.value.close() }
                    attempt.connection = connection.value
                    greet(connection.value, attempt)
                case .failure(let error):
                    guard addresses.count == 1 else { return connect(addresses.dropFirst(), address, attempt) }
                    attempt.finish(.failure(.unreachable("\(address): \(Self.sentence(error))")))
                }
            }
    }

    private func greet(_ connection: RedisConnection, _ attempt: Attempt) {
        var steps = greeting.commands.map(\.step)[...]
        connection.watch { reply in
            guard let step = steps.popFirst() else { return }
            if let failure = RedisGreeting.judge(reply, to: step) { return attempt.finish(.failure(failure)) }
            if steps.isEmpty { attempt.finish(.success(connection)) }
        } ended: {
            attempt.finish(.failure(.unreachable($0)))
        }
        for (_, command) in greeting.commands { connection.write(command) }
    }

    /// Why a connection failed, without what a library's description may hold.
    static func sentence(_ error: any Error) -> String {
        switch error {
        case let error as IOError: String(cString: strerror(error.errnoCode)).lowercased()
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError: "the TLS handshake failed"
        case let error as ChannelError where error == .connectTimeout(.zero): "there is no answer"
        default: "the connection broke"
        }
    }
}
