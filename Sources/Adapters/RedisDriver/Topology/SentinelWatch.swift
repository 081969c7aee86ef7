import NIOSSL

/// Follows the master that Sentinel names: asks at once, when a sentinel announces another, when something is wrong with
/// the master, and every second (redis.io/docs/reference/sentinel-clients).
struct SentinelWatch: Sendable {
    let master: String
    let url: RedisURL
    let options: RedisOptions
    let tls: NIOSSLContext?
    let core: RedisCore

    private static let interval = Duration.seconds(1)
    /// Between two passes, however many ask for one; spread over its second half.
    private static let leastPause = 100.0
    private static let patience = Duration.milliseconds(500)

    /// Ends when the task is cancelled.
    ///
    /// - Parameter wakes: each asks for a pass.
    func run(_ wakes: AsyncStream<Void>, _ wake: AsyncStream<Void>.Continuation) async {
        let opening = RedisOpening(
            greeting: RedisGreeting(
                user: url.sentinelUser, password: url.sentinelPassword, database: 0, name: options.clientName,
                isMaster: false), options: options, tls: tls)
        let sentinels = RedisCore(core.mainLoop, opening, .unknown) {}
        let announcements = RedisSubscriptions(core: sentinels, opening: opening, hosts: url.hosts)
        let switches = announcements.subscribe("+switch-master")
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in switches { wake.yield() } }
            group.addTask {
                while (try? await Task.sleep(for: Self.interval)) != nil { wake.yield() }
            }
            var book = SentinelBook(seeds: url.hosts)
            await pass(&book, sentinels)
            for await _ in wakes {
                let pause = Duration.milliseconds(Self.leastPause * .random(in: 0.5..<1))
                guard (try? await Task.sleep(for: pause)) != nil else { break }
                await pass(&book, sentinels)
            }
            group.cancelAll()
        }
        await announcements.shutDown()
        await sentinels.shutDown()
    }

    /// Asks one sentinel after the other until one names a master that can be followed.
    private func pass(_ book: inout SentinelBook, _ sentinels: RedisCore) async {
        var failure = RedisFailure.unreachable("no sentinel names a master that can be followed")
        for sentinel in book.sentinels where !Task.isCancelled {
            do throws(RedisFailure) {
                guard let (named, epoch) = try await named(sentinels, by: sentinel) else {
                    book.failed(sentinel)
                    continue
                }
                switch book.heard(named, epoch: epoch, from: sentinel) {
                case .ignored: continue
                case .follow:
                    let others = try await facts(sentinels, "SENTINELS", sentinel).array ?? []
                    book.learned(
                        others.compactMap {
                            $0.array.flatMap { Self.address(Self.field("ip", of: $0), Self.field("port", of: $0)) }
                        })
                case .confirmed: break
                }
                // Also when it is known: a loop that met a replica there has forgotten it.
                if let master = book.master { core.adopt(.one(master)) }
                return
            } catch {
                book.failed(sentinel)
                failure = Self.told(error)
            }
        }
        if let master = book.master { core.adopt(.one(master)) } else { core.despair(failure) }
    }

    private static func told(_ failure: RedisFailure) -> RedisFailure {
        if case .denied = failure { return failure }
        return .unreachable("no sentinel names a master: \(failure.sentence)")
    }

    /// Whom a sentinel names, and the number of the election.
    ///
    /// The number first: the sentinel that leads a failover counts it before it says who won, and shows the loser among
    /// the master's facts until all replicas have changed sides.
    private func named(
        _ sentinels: RedisCore, by sentinel: RedisAddress
    ) async throws(RedisFailure) -> (RedisAddress, Int64)? {
        guard let known = try await facts(sentinels, "MASTER", sentinel).array,
            let epoch = Self.field("config-epoch", of: known).flatMap({ Int64($0) }),
            let named = try await facts(sentinels, "GET-MASTER-ADDR-BY-NAME", sentinel).array, named.count == 2,
            let address = Self.address(named[0].text, named[1].text)
        else { return nil }
        return (address, epoch)
    }

    private func facts(
        _ sentinels: RedisCore, _ what: String, _ sentinel: RedisAddress
    ) async throws(RedisFailure) -> RedisReply {
        try await sentinels.ask(RedisCommand("SENTINEL", what, master), of: sentinel, within: Self.patience)
    }

    private static func address(_ host: String?, _ port: String?) -> RedisAddress? {
        guard let host, !host.isEmpty, let port = port.flatMap({ Int($0) }), (1...65_535).contains(port) else {
            return nil
        }
        return RedisAddress(host: host.lowercased(), port: port)
    }

    /// Names and values alternate.
    private static func field(_ name: String, of facts: [RedisReply]) -> String? {
        for place in stride(from: 0, to: facts.count - 1, by: 2) where facts[place].text == name {
            return facts[place + 1].text
        }
        return nil
    }
}
