import Foundation
import NIOCore
import NIOPosix
import RealServices
import Seeds
import Synchronization
import Testing

@testable import RedisDriver

/// Real servers that are slow, gone, or say no.
@Suite struct RedisBadDays {
    private static let long = Duration.seconds(20)

    /// What became of many calls.
    private final class Tally: Sendable {
        let right = Atomic(0)
        let wrong = Atomic(0)
        let timedOut = Atomic(0)
        let busy = Atomic(0)
        let failed = Atomic(0)
        let isOver = Atomic(false)
        /// The longest that a call took beyond its deadline, in nanoseconds.
        let worst = Mutex<UInt64>(0)

        func count(_ result: Result<RedisReply, RedisFailure>, expecting text: String) {
            switch result {
            case .success(let reply) where reply.text == text: right.add(1, ordering: .relaxed)
            case .success: wrong.add(1, ordering: .relaxed)
            case .failure(.busy): busy.add(1, ordering: .relaxed)
            case .failure(.timedOut): timedOut.add(1, ordering: .relaxed)
            case .failure: failed.add(1, ordering: .relaxed)
            }
        }

        func ask(_ client: RedisClient, _ text: String, within limit: Duration) async {
            let deadline = ContinuousClock.now + limit
            let result: Result<RedisReply, RedisFailure>
            do throws(RedisFailure) {
                result = .success(try await client.send(RedisCommand("ECHO", text), within: limit))
            } catch { result = .failure(error) }
            let over = ContinuousClock.now - deadline
            if over > .zero {
                let nanoseconds = UInt64(over / .nanoseconds(1))
                worst.withLock { $0 = max($0, nanoseconds) }
            }
            count(result, expecting: text)
        }
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `everybody gets the answer to his own question, from loops and from elsewhere`(seed: UInt64) async throws {
        let client = try RedisClientTests.client(RealRedis.shared().url)
        let tally = Tally()

        await withTaskGroup(of: Void.self) { group in
            for task in 0..<6 {
                group.addTask {
                    var random = SeededRandom(seed: seed * 100 + UInt64(task))
                    for turn in 0..<200 {
                        let filler = String(repeating: "x", count: .random(in: 0..<3000, using: &random))
                        await tally.ask(client, "\(seed)/\(task)/\(turn)/\(filler)", within: Self.long)
                    }
                }
            }
            for (place, loop) in RedisClientTests.loops.makeIterator().enumerated() {
                group.addTask {
                    await withCheckedContinuation { continuation in
                        loop.execute { Self.chain(client, tally, "loop\(place)", 400) { continuation.resume() } }
                    }
                }
            }
        }

        #expect(tally.wrong.load(ordering: .relaxed) == 0)
        #expect(tally.right.load(ordering: .relaxed) == 6 * 200 + 2 * 400, "seed \(seed)")
        await client.shutDown()
    }

    /// On a loop, as the request path asks: each answer brings the next question.
    private static func chain(
        _ client: RedisClient, _ tally: Tally, _ name: String, _ left: Int, then end: @escaping @Sendable () -> Void
    ) {
        let text = "\(name)/\(left)"
        client.send(RedisCommand("ECHO", text), within: long) { result in
            tally.count(result, expecting: text)
            if left > 1 { chain(client, tally, name, left - 1, then: end) } else { end() }
        }
    }

    @Test(arguments: 0..<3 as Range<UInt64>)
    func `a paused server costs nobody more than his deadline, and no late answer goes astray`(
        seed: UInt64
    ) async throws {
        let server = try await RealRedis.aside { try RealRedis() }
        let client = try RedisClientTests.client(server.url)
        let tally = Tally()

        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    var random = SeededRandom(seed: seed * 100 + UInt64(task))
                    var turn = 0
                    while !tally.isOver.load(ordering: .relaxed), !Task.isCancelled {
                        turn += 1
                        let limit = Duration.milliseconds(.random(in: 5...120, using: &random))
                        await tally.ask(client, "\(task)/\(turn)", within: limit)
                    }
                }
            }
            for _ in 0..<4 {
                let right = tally.right.load(ordering: .relaxed)
                try await Self.poll("answers") { tally.right.load(ordering: .relaxed) > right + 50 }
                let late = tally.timedOut.load(ordering: .relaxed)
                server.pause()
                try await Self.poll("deadlines") { tally.timedOut.load(ordering: .relaxed) > late + 20 }
                server.resume()
            }
            let right = tally.right.load(ordering: .relaxed)
            try await Self.poll("answers") { tally.right.load(ordering: .relaxed) > right + 50 }
            tally.isOver.store(true, ordering: .relaxed)
        }

        let figures = client.figures
        #expect(tally.wrong.load(ordering: .relaxed) == 0, "seed \(seed)")
        #expect(tally.worst.withLock { $0 } < 1_500_000_000)
        #expect(figures.late > 0 || figures.opened > 2)
        await client.shutDown()
    }

    @Test func `a server that stays paused is left, and found again when it wakes`() async throws {
        let server = try await RealRedis.aside { try RealRedis() }
        let client = try RedisClientTests.client(server.url) { $0.openTimeout = .seconds(1) }
        _ = try await client.send(RedisCommand("SET", key: "k", "v"), within: Self.long)
        let opened = client.figures.opened

        server.pause()
        try await Self.poll("the connection is given up") {
            await Tally().ask(client, "?", within: .milliseconds(20))
            return client.figures.open < opened && client.figures.openFailed > 0
        }
        let began = ContinuousClock.now
        let refused = Tally()
        for _ in 0..<100 { await refused.ask(client, "?", within: .milliseconds(50)) }
        let time = ContinuousClock.now - began
        server.resume()
        try await Self.poll("it is found again") {
            (try? await client.send(RedisCommand("GET", key: "k"), within: .seconds(1)).text) == "v"
        }

        #expect(refused.right.load(ordering: .relaxed) == 0)
        // Who has no time to wait for the next attempt is told at once: not 100 deadlines one after the other.
        #expect(time < .seconds(4), "\(time)")
        await client.shutDown()
    }

    @Test func `a server that restarts is found again by itself`() async throws {
        let server = try await RealRedis.aside { try RealRedis() }
        let client = try RedisClientTests.client(server.url)
        _ = try await client.send(RedisCommand("PING"), within: Self.long)

        server.stop()
        await #expect(throws: RedisFailure.self) {
            try await client.send(RedisCommand("PING"), within: .milliseconds(50))
        }
        try await RealRedis.aside { try server.start() }

        // Who has time waits for the next attempt.
        #expect(try await client.send(RedisCommand("PING"), within: Self.long) == .status("PONG"))
        await client.shutDown()
    }

    @Test func `a server that is gone fills no memory`() async throws {
        let server = try await RealRedis.aside { try RealRedis() }
        server.stop()
        let client = try RedisClientTests.client(server.url) {
            $0.mostWaiting = 50
            $0.mostWaitingBytes = 100_000
        }
        let tally = Tally()

        await withTaskGroup(of: Void.self) { group in
            for call in 0..<600 {
                let text = String(repeating: "x", count: call % 2 == 0 ? 10 : 50_000)
                group.addTask { await tally.ask(client, text, within: .seconds(2)) }
            }
        }

        // Two loops with 50 places each, filled again at most a few times while tasks come to their turn.
        #expect(tally.busy.load(ordering: .relaxed) > 100)
        #expect(tally.right.load(ordering: .relaxed) + tally.wrong.load(ordering: .relaxed) == 0)
        await client.shutDown()
    }

    /// A web server that was never asked.
    private final class Stranger: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        func channelActive(context: ChannelHandlerContext) {
            context.writeAndFlush(NIOAny(ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\n\r\n")), promise: nil)
        }
    }

    @Test func `what does not speak the protocol is told apart`() async throws {
        let stranger = try await ServerBootstrap(group: RedisClientTests.loops).childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Stranger()) }
        }.bind(host: "127.0.0.1", port: 0).get()
        let client = try RedisClientTests.client("redis://127.0.0.1:\(stranger.localAddress?.port ?? 0)")

        await #expect(throws: RedisFailure.unreachable("what answers there does not speak Redis' protocol")) {
            try await client.send(RedisCommand("PING"), within: .seconds(5))
        }
        await client.shutDown()
        try await stranger.close()
    }

    /// Asks again until the answer is yes.
    static func poll(_ what: String, within limit: Duration = .seconds(30), _ holds: () async -> Bool) async throws {
        let deadline = ContinuousClock.now + limit
        while await !holds() {
            try #require(ContinuousClock.now < deadline, "\(what): not in \(limit)")
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}
