import Foundation
import RealServices
import Seeds
import Testing

@testable import RedisDriver

/// Three masters and a replica, all real.
@Suite struct RedisClusterTests {
    private static let long = Duration.seconds(20)

    @Test func `keys go to their nodes, also while slots move`() async throws {
        let cluster = try await RealRedis.aside { try RealRedisCluster() }
        let client = try RedisClientTests.client("redis+cluster://127.0.0.1:\(cluster.nodes[0].port)")
        for number in 0..<300 {
            let reply = try await client.send(RedisCommand("SET", key: "k\(number)", "\(number)"), within: Self.long)
            #expect(reply == .status("OK"))
        }
        for node in cluster.nodes { #expect(try Int(node.cli("DBSIZE")) ?? 0 > 50) }
        #expect(client.figures.redirected == 0, "the map is known before the first command")

        // A slot on its way: what is there is answered there, what is not is asked for elsewhere (ASK).
        let tag = "{k1}"
        let slot = KeySlot.of("k1")
        let from = try #require(RealRedisCluster.ranges.firstIndex { $0.contains(slot) })
        let to = (from + 1) % 3
        try cluster.beginMove(slot, from: from, to: to)
        #expect(try await client.send(RedisCommand("GET", key: "k1"), within: Self.long).text == "1")
        #expect(try await client.send(RedisCommand("SET", key: "\(tag)new", "n"), within: Self.long) == .status("OK"))
        #expect(try await client.send(RedisCommand("GET", key: "\(tag)new"), within: Self.long).text == "n")
        #expect(client.figures.redirected > 0)
        // Then it is elsewhere for good (MOVED), for every loop.
        try cluster.endMove(slot, from: from, to: to)
        for _ in 0..<4 {
            #expect(try await client.send(RedisCommand("GET", key: "k1"), within: Self.long).text == "1")
            #expect(try await client.send(RedisCommand("GET", key: "\(tag)new"), within: Self.long).text == "n")
        }
        let redirected = client.figures.redirected
        try await RedisBadDays.poll("the new map is learned") {
            let before = client.figures.redirected
            for _ in 0..<8 { _ = try? await client.send(RedisCommand("GET", key: "k1"), within: Self.long) }
            return client.figures.redirected == before
        }
        #expect(client.figures.redirected <= redirected + 16)
        await client.shutDown()
    }

    @Test(arguments: 0..<3 as Range<UInt64>)
    func `keys fall into the slots that the server says`(seed: UInt64) async throws {
        let client = try RedisClientTests.client(await RealRedis.aside { try RealRedisCluster.shared().url })
        var random = SeededRandom(seed: seed)
        let letters = Array("ab{}é".utf8)
        for _ in 0..<100 {
            let bytes = (0..<Int.random(in: 0..<12, using: &random)).map { _ in
                letters.randomElement(using: &random) ?? 0
            }
            let key = String(decoding: bytes, as: UTF8.self)
            let said = try await client.send(RedisCommand("CLUSTER", "KEYSLOT", key), within: Self.long)
            #expect(said == .integer(Int64(KeySlot.of(key))), "seed \(seed), key \(key)")
        }
        await client.shutDown()
    }

    @Test func `scripts run where their key is, and not on keys of several slots`() async throws {
        let client = try RedisClientTests.client(await RealRedis.aside { try RealRedisCluster.shared().url })
        let script = RedisScript("return redis.call('INCRBY', KEYS[1], ARGV[1])")
        let run = UUID().uuidString
        for number in 0..<30 {
            var command = RedisCommand(script, keys: ["\(run)\(number)"])
            command.append(number)
            #expect(try await client.send(command, within: Self.long) == .integer(Int64(number)))
        }
        do throws(RedisFailure) {
            _ = try await client.send(RedisCommand(script, keys: ["a", "b"]), within: Self.long)
            Issue.record("the keys are of two slots")
        } catch { #expect(error.code == "CROSSSLOT") }
        var events = client.subscribe("news\(run)").makeAsyncIterator()
        #expect(await events.next() == .subscribed)
        _ = try await client.send(RedisCommand("PUBLISH", "news\(run)", "x"), within: Self.long)
        #expect(await events.next() == .message([UInt8(ascii: "x")]))
        await client.shutDown()
    }

    @Test func `when a node is killed its replica takes its slots, and the others never notice`() async throws {
        let cluster = try await RealRedis.aside { try RealRedisCluster() }
        let client = try RedisClientTests.client(cluster.url) { $0.openTimeout = .seconds(1) }
        let keys = (0..<3).map { place in
            (0...).lazy.map { "k\($0)" }.first { RealRedisCluster.ranges[place].contains(KeySlot.of($0)) } ?? ""
        }
        for key in keys { _ = try await client.send(RedisCommand("SET", key: key, "before"), within: Self.long) }
        // What a replica acknowledged survives.
        try cluster.nodes[2].cli("WAIT", "1", "5000")

        cluster.nodes[2].stop()
        for _ in 0..<20 {
            for key in keys[..<2] {
                #expect(try await client.send(RedisCommand("GET", key: key), within: Self.long).text == "before")
            }
        }
        try await RedisBadDays.poll("the replica took over", within: .seconds(60)) {
            (try? await client.send(RedisCommand("SET", key: keys[2], "after"), within: .seconds(1))) == .status("OK")
        }
        #expect(try await client.send(RedisCommand("GET", key: keys[2]), within: Self.long).text == "after")
        await client.shutDown()
    }
}
