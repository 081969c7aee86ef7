import ConnectionPooling
import Foundation
import MySQLDriver
import RealServices
import Storage
import Testing

/// The way to a server, kept private or not gone at all.
@Suite struct MySQLTLSTests {
    /// A server with a certificate for `localhost`, and one that has none.
    private static let servers = Result {
        let (certificate, key) = try Self.certificate()
        let safe = try RealMariaDB(
            ["--ssl-cert={folder}/cert.pem", "--ssl-key={folder}/key.pem"], onTCP: true,
            files: ["cert.pem": certificate, "key.pem": key])
        let plain = try RealMariaDB(["--skip-ssl"], onTCP: true)
        for server in [safe, plain] {
            try server.sql("CREATE USER app IDENTIFIED BY 'p'; CREATE DATABASE d; GRANT ALL ON d.* TO app")
        }
        return (safe: safe, plain: plain)
    }

    private static func certificate() throws -> (certificate: Data, key: Data) {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-cert-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
            folder.path + "/key.pem", "-out", folder.path + "/cert.pem", "-days", "2", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost",
        ]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return (
            try Data(contentsOf: folder.appendingPathComponent("cert.pem")),
            try Data(contentsOf: folder.appendingPathComponent("key.pem"))
        )
    }

    /// - Returns: the cipher, empty for none.
    private func cipher(_ url: String) async throws -> String {
        var limits = PoolLimits()
        limits.wait = 2_000_000_000
        return try await MySQLTesting.withPool(limits, url: url) { pool in
            try await pool.run([MySQLStatement("SHOW STATUS LIKE 'Ssl_cipher'")])[0].first?.text(1) ?? ""
        }
    }

    @Test func `each mode asks for as much as it says`() async throws {
        let (safe, plain) = try Self.servers.get()
        let authority = "&ssl-ca=\(safe.folder.path)/cert.pem"
        let (safePort, plainPort) = (try #require(safe.port), try #require(plain.port))
        func url(_ host: String, _ port: Int, _ mode: String) -> String {
            "mysql://app:p@\(host):\(port)/d?ssl-mode=\(mode)"
        }

        #expect(try await cipher(url("127.0.0.1", safePort, "disabled")).isEmpty)
        #expect(try await cipher(url("127.0.0.1", plainPort, "preferred")).isEmpty)
        for mode in ["preferred", "required"] {
            #expect(try await !cipher(url("127.0.0.1", safePort, mode)).isEmpty, "\(mode)")
        }
        for mode in ["verify-ca", "verify-identity"] {
            #expect(try await !cipher(url("localhost", safePort, mode) + authority).isEmpty, "\(mode)")
            // Another name, another authority, no TLS.
            for refused in [
                url("127.0.0.1", safePort, mode) + authority, url("localhost", safePort, mode),
                url("localhost", plainPort, mode) + authority,
            ] { await #expect(throws: StorageFailure.self) { try await cipher(refused) } }
        }
        let failure = await #expect(throws: StorageFailure.self) {
            try await cipher(url("127.0.0.1", plainPort, "required"))
        }
        #expect(failure?.sentence.contains("offers none") == true, "\(String(describing: failure))")
    }
}
