import Foundation
import NIOPosix
import RealServices
import Seeds
import Testing

@testable import RedisDriver

/// The client on a real server.
@Suite struct RedisClientTests {
    static let loops = MultiThreadedEventLoopGroup(numberOfThreads: 2)

    static func client(_ url: String, _ change: (inout RedisOptions) -> Void = { _ in }) throws -> RedisClient {
        var options = RedisOptions()
        options.openTimeout = .seconds(10)
        change(&options)
        return try RedisClient(RedisURL(url), group: loops, options: options)
    }

    @Test func `values come back as they were`() async throws {
        let client = try Self.client(RealRedis.shared().url)
        let key = "values:\(UUID())"
        let odd: [UInt8] = Array("a\r\n$5\r\n\u{0}é".utf8) + [0xFF, 0]

        var set = RedisCommand("SET", key: key)
        set.append(odd)
        #expect(try await client.send(set, within: .seconds(10)) == .status("OK"))
        #expect(try await client.send(RedisCommand("GET", key: key), within: .seconds(10)) == .bytes(odd))
        #expect(
            try await client.send(RedisCommand("STRLEN", key: key), within: .seconds(10)) == .integer(Int64(odd.count)))
        #expect(try await client.send(RedisCommand("GET", key: key + "?"), within: .seconds(10)) == .null)
        #expect(
            try await client.send(RedisCommand("MGET", key: key, key + "?"), within: .seconds(10))
                == .array([.bytes(odd), .null]))
        await #expect(throws: RedisFailure.self) {
            try await client.send(RedisCommand("INCR", key: key), within: .seconds(10))
        }
        await client.shutDown()
        await #expect(throws: RedisFailure.stopped) { try await client.send(RedisCommand("PING")) }
    }

    @Test func `a script is loaded when the server does not know it`() async throws {
        let server = try await RealRedis.aside { try RealRedis() }
        let client = try Self.client(server.url)
        let script = RedisScript("return {KEYS[1], ARGV[1], redis.call('INCRBY', KEYS[1], ARGV[1])}")
        func run() async throws -> RedisReply {
            var command = RedisCommand(script, keys: ["n"])
            command.append(5)
            return try await client.send(command, within: .seconds(10))
        }

        #expect(try await run() == .array([.bytes(Array("n".utf8)), .bytes([53]), .integer(5)]))
        #expect(try await run().array?.last == .integer(10))
        try server.cli("SCRIPT", "FLUSH")
        #expect(try await run().array?.last == .integer(15))
        await client.shutDown()
    }

    @Test func `what is published arrives, also after the server was gone`() async throws {
        let server = try await RealRedis.aside { try RealRedis() }
        let client = try Self.client(server.url)
        var events = client.subscribe("news").makeAsyncIterator()

        #expect(await events.next() == .subscribed)
        _ = try await client.send(RedisCommand("PUBLISH", "news", "one"), within: .seconds(10))
        #expect(await events.next() == .message(Array("one".utf8)))
        server.stop()
        try await RealRedis.aside { try server.start() }
        #expect(await events.next() == .subscribed)
        try server.cli("PUBLISH", "news", "two")
        #expect(await events.next() == .message(Array("two".utf8)))
        await client.shutDown()
        #expect(await events.next() == nil)
    }
}
