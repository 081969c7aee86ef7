import Foundation
import RealServices
import Testing

@testable import RedisDriver

/// A master, two replicas and three sentinels, all real.
@Suite struct RedisSentinelTests {
    private static let long = Duration.seconds(20)

    @Test func `another master is followed when the first is killed, and when it only slept`() async throws {
        let world = try await RealRedis.aside { try RealSentinels() }
        let client = try RedisClientTests.client(world.url) { $0.openTimeout = .seconds(1) }
        var events = client.subscribe("news").makeAsyncIterator()
        #expect(try await client.send(RedisCommand("SET", key: "k", "1"), within: Self.long) == .status("OK"))
        #expect(await events.next() == .subscribed)
        let first = try world.namedMaster()
        #expect(first == world.master.port)

        // Killed: writes go on by themselves, and so does the subscription.
        world.master.stop()
        let second = try await RealRedis.aside { try world.nextMaster(after: first) }
        try await RedisBadDays.poll("a second master takes writes") {
            (try? await client.send(RedisCommand("SET", key: "k", "2"), within: .seconds(1))) == .status("OK")
        }
        #expect(await events.next() == .subscribed)
        _ = try await client.send(RedisCommand("PUBLISH", "news", "hello"), within: Self.long)
        #expect(await events.next() == .message(Array("hello".utf8)))

        // It comes back, becomes a replica, and nothing is written to it.
        try await RealRedis.aside { try world.master.start() }
        try await RealRedis.aside {
            try RealRedis.eventually("the first is a replica now") {
                try world.master.cli("INFO", "replication").contains("role:slave")
                    && world.master.cli("INFO", "replication").contains("master_link_status:up")
            }
        }
        #expect(try await client.send(RedisCommand("GET", key: "k"), within: Self.long).text == "2")

        // Asleep: the others elect a third; when it wakes it is a master that nobody writes to any more.
        let servers = [world.master] + world.replicas
        let sleeper = try #require(servers.first { $0.port == second })
        sleeper.pause()
        _ = try await RealRedis.aside { try world.nextMaster(after: second) }
        try await RedisBadDays.poll("a third master takes writes") {
            (try? await client.send(RedisCommand("SET", key: "k", "3"), within: .seconds(1))) == .status("OK")
        }
        sleeper.resume()
        try await RealRedis.aside {
            try RealRedis.eventually("it was made a replica") {
                try sleeper.cli("INFO", "replication").contains("role:slave")
                    && sleeper.cli("INFO", "replication").contains("master_link_status:up")
            }
        }
        #expect(try await client.send(RedisCommand("SET", key: "k", "4"), within: Self.long) == .status("OK"))
        #expect(client.figures.moves >= 2)
        await client.shutDown()
    }

    @Test func `a master that was made a replica while we are connected is left at once`() async throws {
        let world = try await RealRedis.aside { try RealSentinels() }
        let client = try RedisClientTests.client(world.url)
        #expect(try await client.send(RedisCommand("SET", key: "k", "1"), within: Self.long) == .status("OK"))

        // Sentinel demotes it: connections are kept by the server for a moment, and writes get READONLY.
        try world.sentinels[0].cli("SENTINEL", "FAILOVER", "main")
        let deadline = Date.now.addingTimeInterval(60)
        var failures: [RedisFailure] = []
        while try world.namedMaster() == world.master.port, Date.now < deadline {
            failures += await withTaskGroup(of: RedisFailure?.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        do throws(RedisFailure) {
                            _ = try await client.send(RedisCommand("INCR", key: "n"), within: Self.long)
                            return nil
                        } catch { return error }
                    }
                }
                return await group.reduce(into: []) { if let failure = $1 { $0.append(failure) } }
            }
        }

        #expect(try await client.send(RedisCommand("SET", key: "k", "2"), within: Self.long) == .status("OK"))
        // No caller is told READONLY: it waits for the new master. A command that was under way may be lost.
        #expect(failures.allSatisfy { if case .lost = $0 { true } else { $0 == .timedOut } }, "\(failures)")
        await client.shutDown()
    }

    @Test func `sentinels that know no such master, or nobody at all, are told apart`() async throws {
        let world = try await RealRedis.aside { try RealSentinels() }
        let unknown = try RedisClientTests.client(world.url.replacing("/main", with: "/other"))
        let nobody = try RedisClientTests.client("redis+sentinel://127.0.0.1:1/main") { $0.openTimeout = .seconds(1) }
        func reason(_ client: RedisClient) async -> String {
            do throws(RedisFailure) {
                _ = try await client.send(RedisCommand("PING"), within: .seconds(3))
                return "an answer"
            } catch { return error.sentence }
        }

        // A busy machine may not have asked yet.
        try await RedisBadDays.poll("both were asked") {
            let reasons = [await reason(unknown), await reason(nobody)]
            return !reasons.contains { $0.contains("not known yet") }
        }
        #expect(await reason(unknown).contains("No such master"))
        #expect(await reason(nobody).contains("connection refused"))
        await unknown.shutDown()
        await nobody.shutDown()
    }
}
