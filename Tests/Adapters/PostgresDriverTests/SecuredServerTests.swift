import ConnectionPooling
import Foundation
import PostgresDriver
import RealServices
import Storage
import Testing

/// A server that wants TLS and passwords by SCRAM.
@Suite(.timeLimit(.minutes(2))) struct SecuredServerTests {
    private static let server = Result { try RealPostgres(isSecured: true) }
    private static let password = "s%2Fe%20c%3Fret"

    private func url(
        _ password: String = Self.password, host: String = "localhost", with more: String
    ) throws -> String {
        let server = try Self.server.get()
        return "postgres://app:\(password)@\(host):\(server.port)/postgres?\(more)"
    }

    private func ask(_ url: String) async throws -> String? {
        try Self.makeRole.get()
        var limits = PoolLimits()
        limits.failsFast = true
        limits.wait = 20_000_000_000
        let pool = PostgresPool(url: url, limits: limits)
        do {
            let question = PostgresStatement(
                "SELECT version || ' ' || usename FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE pid = pg_backend_pid()"
            )
            let answer = try await pool.run([question])[0].first?.text(0)
            await pool.close()
            return answer
        } catch {
            await pool.close()
            throw error
        }
    }

    private static let makeRole = Result { try server.get().sql("CREATE ROLE app LOGIN PASSWORD 's/e c?ret'") }

    private func refusal(_ url: String) async throws -> String {
        let failure = await #expect(throws: StorageFailure.self) { try await ask(url) }
        let text = "\(String(describing: failure))"
        #expect(!text.contains("ret@") && !text.contains(Self.password) && !text.contains("s/e c?ret"))
        return text
    }

    @Test func `with the right password and the right authority all is well, over TLS 1-3`() async throws {
        let server = try Self.server.get()
        let answer = try await ask(url(with: "sslmode=verify-full&sslrootcert=\(server.authority)"))

        #expect(answer == "TLSv1.3 app")
    }

    @Test func `a wrong password is refused, and not quoted`() async throws {
        let server = try Self.server.get()
        let text = try await refusal(url("wr0ng", with: "sslmode=verify-full&sslrootcert=\(server.authority)"))

        #expect(text.contains("password authentication failed") && !text.contains("wr0ng"), "\(text)")
    }

    @Test func `a certificate of another authority is refused`() async throws {
        let server = try Self.server.get()
        let text = try await refusal(url(with: "sslmode=verify-full&sslrootcert=\(server.otherAuthority)"))

        #expect(text.contains("certificate verify failed"), "\(text)")
    }

    @Test func `who does not speak TLS is turned away`() async throws {
        let text = try await refusal(url(with: "sslmode=disable"))

        #expect(text.contains("no encryption"), "\(text)")
    }

    @Test func `a server may be asked for by an address that its certificate names`() async throws {
        let server = try Self.server.get()
        let answer = try await ask(url(host: "127.0.0.1", with: "sslmode=verify-full&sslrootcert=\(server.authority)"))

        #expect(answer == "TLSv1.3 app")
    }
}
