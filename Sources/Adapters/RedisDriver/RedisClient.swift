package import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Vocabulary

/// A Redis to talk to: one server, a master that Sentinel names, or a cluster.
///
/// Each event loop of the group has its own connection to each server. Commands are pipelined: what is sent in one turn
/// of a loop goes out together, or in a few pieces where it is much, and nothing waits for the reply to something else.
/// Replies come in the order of the commands on one loop. Connections are opened when they are needed, and again when
/// they are lost; nothing is sent twice unless the server said that it did not run it.
///
///     let client = try RedisClient(RedisURL("redis://:secret@localhost/2"), group: loops)
///     client.send(RedisCommand("GET", key: "k"), within: .milliseconds(50)) { result in … }   // on the loop
///     let reply = try await client.send(RedisCommand("INCR", key: "n"), within: .seconds(1))
///     for await event in client.subscribe("news") { … }
///     await client.shutDown()
///
/// A client that is let go of ends its connections as well, which needs loops that still run.
package final class RedisClient: Sendable {
    private let core: RedisCore
    private let subscriptions: RedisSubscriptions
    private let watch: Task<Void, Never>?

    /// Nothing is connected yet.
    ///
    /// - Parameters:
    ///   - group: the loops to work on; the server's own, so that a call made on a loop stays there.
    /// - Throws: `denied` where the file of trusted certificates cannot be used.
    package init(
        _ url: RedisURL, group: any EventLoopGroup, options: RedisOptions = RedisOptions()
    ) throws(RedisFailure) {
        let tls = try Self.tls(url, options)
        let isFollowing = if case .sentinel = url.kind { true } else { false }
        let opening = RedisOpening(
            greeting: RedisGreeting(
                user: url.user, password: url.password, database: url.database, name: options.clientName,
                isMaster: isFollowing),
            options: options, tls: tls, isFollowing: isFollowing)
        let (doubts, doubt) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let route = url.kind == .single ? RedisRoute.one(url.hosts[0]) : .unknown
        let core = RedisCore(group, opening, route) { doubt.yield() }
        self.core = core
        subscriptions = RedisSubscriptions(core: core, opening: opening)
        switch url.kind {
        case .single: watch = nil
        case .sentinel(let master):
            let follower = SentinelWatch(master: master, url: url, options: options, tls: tls, core: core)
            watch = Task { await follower.run(doubts, doubt) }
        case .cluster:
            let learner = ClusterWatch(seeds: url.hosts, core: core)
            watch = Task { await learner.run(doubts, doubt) }
        }
    }

    deinit {
        watch?.cancel()
        guard core.end() else { return }
        subscriptions.end()
    }

    /// Sends a command. Called from anywhere; on one of the group's loops it is sent without a hop.
    ///
    /// - Parameters:
    ///   - within: how long to wait for the reply. Afterwards the completion is told ``RedisFailure/timedOut`` at once,
    ///     and the late reply is dropped.
    ///   - completion: called once, on the loop this was called from, else on one of the group's. It must not block.
    package func send(
        _ command: RedisCommand, within limit: Duration = .milliseconds(50),
        _ completion: @escaping @Sendable (Result<RedisReply, RedisFailure>) -> Void
    ) {
        core.send(RedisCall(command: command, deadline: RedisCore.deadline(in: limit), completion: completion))
    }

    /// Sends a command and waits for its reply: no longer than `limit`, whatever happens.
    package func send(
        _ command: RedisCommand, within limit: Duration = .milliseconds(50)
    ) async throws(RedisFailure) -> RedisReply {
        try await withCheckedContinuation { continuation in
            send(command, within: limit) { continuation.resume(returning: $0) }
        }.get()
    }

    /// What is published on a channel from now on, over a connection that all subscriptions share. It comes back by
    /// itself: then ``RedisEvent/subscribed`` is said again, and what was published meanwhile is lost. Of a slow reader's
    /// messages the newest 1,024 are kept. The subscription ends with the reading task, or with the client.
    package func subscribe(_ channel: String) -> AsyncStream<RedisEvent> { subscriptions.subscribe(channel) }

    package var figures: RedisFigures { core.figures }

    /// Ends all connections; what waits fails with ``RedisFailure/stopped``. Returns when nothing is left.
    package func shutDown() async {
        watch?.cancel()
        await watch?.value
        await subscriptions.shutDown()
        await core.shutDown()
    }

    private static func tls(_ url: RedisURL, _ options: RedisOptions) throws(RedisFailure) -> NIOSSLContext? {
        guard url.usesTLS else { return nil }
        let file = url.authorities.isEmpty ? options.authorities : url.authorities
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        do {
            if !file.isEmpty {
                configuration.additionalTrustRoots = [.certificates(try NIOSSLCertificate.fromPEMFile(file))]
            }
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw .denied(file.isEmpty ? "TLS cannot be used" : "`\(file)` holds no certificates")
        }
    }
}
