import ConnectionPooling
import PostgresDriver
import RealServices
import Storage
import Testing

/// Where a pooler gives each transaction another session.
@Suite struct PgBouncerTests {
    private func withPool<Result: Sendable>(
        connections: Int = 8, statementMilliseconds: Int = 10_000, _ body: (PostgresPool) async throws -> Result
    ) async throws -> Result {
        var limits = PoolLimits()
        limits.mostConnections = connections
        limits.statementMilliseconds = statementMilliseconds
        limits.wait = 10_000_000_000
        return try await PostgresPool.lend(try RealPgBouncer.shared().url(), limits, body)
    }

    /// Nine connections, three sessions: what one session has prepared, the next does not know.
    @Test func `statements with parameters run in whatever session comes`() async throws {
        let sum = try await withPool { pool in
            try await withThrowingTaskGroup(of: Int64.self) { group in
                for number in 0..<400 {
                    group.addTask {
                        let one = PostgresStatement("SELECT $1::int8", [.integer(Int64(number))])
                        guard number % 4 == 0 else { return try await pool.run([one])[0].first?.integer(0) ?? -1 }
                        return try await pool.transaction { transaction throws(StorageFailure) in
                            try await transaction.run([PostgresStatement("SELECT pg_sleep(0.001)")])
                            return try await transaction.run([one])[0].first?.integer(0) ?? -1
                        }
                    }
                }
                return try await group.reduce(0, +)
            }
        }

        #expect(sum == 399 * 400 / 2)
    }

    @Test func `settings hold inside each transaction and are left behind in no session`() async throws {
        let setting = PostgresStatement("SELECT current_setting('statement_timeout')")
        let (whole, part, isolation, direct) = try await withPool(statementMilliseconds: 7654) { pool in
            let whole = try await pool.run([setting])[0].first?.text(0)
            let (part, isolation) = try await pool.transaction { transaction throws(StorageFailure) in
                try await transaction.run([PostgresStatement("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")])
                let isolation = PostgresStatement("SELECT current_setting('transaction_isolation')")
                let answers = try await transaction.run([setting, isolation])
                return (answers[0].first?.text(0), answers[1].first?.text(0))
            }
            let direct = try RealPostgres.ask("SHOW statement_timeout", at: RealPgBouncer.shared().url())
            return (whole, part, isolation, direct)
        }

        #expect(whole == "7654ms" && part == "7654ms" && isolation == "serializable" && direct == "0")
    }

    @Test func `a statement over its time is ended behind a pooler too`() async throws {
        let one = try await withPool(statementMilliseconds: 500) { pool in
            await #expect(throws: StorageFailure.self) {
                try await pool.run([PostgresStatement("SELECT pg_sleep(30)")])
            }
            return try await pool.run([PostgresStatement("SELECT 1::int8")])[0].first?.integer(0)
        }

        #expect(one == 1)
    }

    @Test func `behind a pooler nobody can listen, and is told why`() async throws {
        let heard = try await withPool { pool -> PostgresNotification? in
            for await each in pool.notifications(of: "c") { return each }
            return nil
        }

        guard case .deaf(let reason) = heard else {
            Issue.record("it heard \(String(describing: heard))")
            return
        }
        #expect(reason.contains("pooler"))
    }
}
