import Foundation
import RealServices
import Testing

@testable import RedisDriver

extension RedisFailure {
    /// The server's word for why it refused.
    var code: String? { if case .refused(let error) = self { error.code } else { nil } }
}

/// Who may come in, and how: passwords, users, TLS.
@Suite struct RedisAccessTests {
    private static let long = Duration.seconds(20)

    private static func failure(
        _ url: String, _ command: RedisCommand, within limit: Duration = long
    ) async throws -> RedisFailure? {
        let client = try RedisClientTests.client(url)
        var failure: RedisFailure?
        do throws(RedisFailure) { _ = try await client.send(command, within: limit) } catch { failure = error }
        await client.shutDown()
        return failure
    }

    @Test func `users and passwords are said, and a wrong one is a clear failure without a secret`() async throws {
        let server = try RealRedis(["requirepass hunter2%", "user app on >s3cr:t ~app:* +@all -@dangerous"])
        let base = "127.0.0.1:\(server.port)"
        let get = RedisCommand("GET", key: "app:k")

        #expect(try await Self.failure("redis://:hunter2%25@\(base)/3", get) == nil)
        #expect(try await Self.failure("redis://app:s3cr%3At@\(base)", get) == nil)
        let other = try await Self.failure("redis://app:s3cr%3At@\(base)", RedisCommand("GET", key: "k"))
        #expect(other?.code == "NOPERM")
        for url in ["redis://\(base)", "redis://:wrong-one@\(base)", "redis://app:wrong-one@\(base)"] {
            let failure = try await Self.failure(url, get)
            guard case .denied(let reason) = failure else {
                Issue.record("\(url): \(String(describing: failure))")
                continue
            }
            #expect(reason.contains("refuses the user or the password"))
            #expect(!"\(String(describing: failure))".contains("wrong-one"))
        }
        #expect(
            try await Self.failure("redis://:hunter2%25@\(base)/99", get) == .denied("the server has no such database"))
        // No password is configured there: it is not sent about as if nothing were wrong.
        #expect(
            try await Self.failure(RealRedis.shared().url.replacing("//", with: "//someone:secret@"), get)
                == .denied("the server refuses the user or the password (WRONGPASS)"))
    }

    @Test func `a password that is put right is used without a restart of ours`() async throws {
        let server = try RealRedis(["requirepass old"])
        let client = try RedisClientTests.client("redis://:new@127.0.0.1:\(server.port)")
        await #expect(throws: RedisFailure.self) { try await client.send(RedisCommand("PING"), within: Self.long) }

        try server.cli("-a", "old", "CONFIG", "SET", "requirepass", "new")

        try await RedisBadDays.poll("it is let in") {
            (try? await client.send(RedisCommand("PING"), within: .seconds(2))) == .status("PONG")
        }
        await client.shutDown()
    }

    @Test func `over TLS the server must be who it says`() async throws {
        let files = try TLSFiles.make()
        let server = try RealRedis(
            [
                "port 0", "tls-port {port}", "tls-cert-file {folder}/cert.pem", "tls-key-file {folder}/key.pem",
                "tls-ca-cert-file {folder}/cert.pem", "tls-auth-clients no",
            ], files: files)
        let ca = server.folder.appendingPathComponent("cert.pem").path
        let get = RedisCommand("GET", key: "k")

        #expect(try await Self.failure("rediss://127.0.0.1:\(server.port)?ca=\(ca)", get) == nil)
        #expect(try await Self.failure("rediss://localhost:\(server.port)?ca=\(ca)", get) == nil)
        let untrusted = try await Self.failure("rediss://localhost:\(server.port)", get, within: .seconds(3))
        #expect(untrusted?.sentence.contains("TLS handshake failed") == true, "\(String(describing: untrusted))")
        let plain = try await Self.failure("redis://127.0.0.1:\(server.port)", get, within: .seconds(1))
        #expect(plain?.mayHaveRun == false)
        #expect(throws: RedisFailure.denied("`/nowhere.pem` holds no certificates")) {
            try RedisClientTests.client("rediss://localhost?ca=/nowhere.pem")
        }
    }

    @Test func `an address that may not be called is not`() async throws {
        let client = try RedisClientTests.client(RealRedis.shared().url) { $0.mayConnect = { $0[0] != 127 } }
        await #expect(throws: RedisFailure.denied("`127.0.0.1` leads to an address that may not be called")) {
            try await client.send(RedisCommand("PING"), within: Self.long)
        }
        let named = try RedisClientTests.client("redis://localhost:\(RealRedis.shared().port)") {
            $0.mayConnect = { !($0[0] == 127 || $0.last == 1) }
        }
        await #expect(throws: RedisFailure.denied("`localhost` leads to an address that may not be called")) {
            try await named.send(RedisCommand("PING"), within: Self.long)
        }
        await client.shutDown()
        await named.shutDown()
    }

    @Test func `large values go both ways, and one that is too large costs its connection only`() async throws {
        let server = try await RealRedis.aside { try RealRedis() }
        let client = try RedisClientTests.client(server.url) { $0.mostReplyBytes = 24 << 20 }
        let value = [UInt8](unsafeUninitializedCapacity: 20 << 20) { buffer, count in
            for place in 0..<(20 << 20) { buffer[place] = UInt8(truncatingIfNeeded: place &* 31) }
            count = 20 << 20
        }
        var set = RedisCommand("SET", key: "large")
        set.append(value)

        #expect(try await client.send(set, within: Self.long) == .status("OK"))
        #expect(try await client.send(RedisCommand("GET", key: "large"), within: Self.long).bytes == value)
        #expect(
            try await client.send(
                RedisCommand("APPEND", key: "large", String(repeating: "x", count: 5 << 20)), within: Self.long
            ).integer == 25 << 20)
        await #expect(throws: RedisFailure.lost("the server's reply is larger than is allowed")) {
            try await client.send(RedisCommand("GET", key: "large"), within: Self.long)
        }
        #expect(try await client.send(RedisCommand("PING"), within: Self.long) == .status("PONG"))
        await client.shutDown()
    }
}
