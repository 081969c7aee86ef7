import ConnectionPooling
import Foundation
import PostgresDriver
import RealServices
import Storage
import Testing
import Vocabulary

@Suite struct PostgresPoolTests {
    private func withPool<Result: Sendable>(
        _ limits: PoolLimits = PoolLimits(), url: String? = nil, _ body: (PostgresPool) async throws -> Result
    ) async throws -> Result {
        return try await PostgresPool.lend(try url ?? RealPostgres.shared().url(), limits, body)
    }

    @Test func `every type comes back as it was sent`() async throws {
        let id = Identifier.make()
        let (integer, text, bytes, uuid, real, bool, null, small) = try await withPool { pool in
            let sql = "SELECT $1::int8, $2::text, $3::bytea, $4::uuid, $5::float8, $6::bool, $7::int8, (-7)::int2"
            let tables = try await pool.run([
                PostgresStatement(
                    sql,
                    [
                        .integer(.min), .text("naïve ☃"), .bytes([0, 255, 0]), .uuid(id), .real(-0.5), .bool(true),
                        .null(.integer),
                    ])
            ])
            let row = try #require(tables.first?.first)
            return (
                row.integer(0), row.text(1), row.bytes(2), row.uuid(3), row.real(4), row.bool(5),
                row.optionalInteger(6), row.integer(7)
            )
        }

        #expect(integer == .min && text == "naïve ☃" && bytes == [0, 255, 0] && uuid == id)
        #expect(real == -0.5 && bool && null == nil && small == -7)
    }

    @Test func `arrays are parameters too`() async throws {
        let ids = [Identifier.make(), Identifier.make()]
        let rows = try await withPool { pool in
            let sql = "SELECT a, b FROM unnest($1::uuid[], $2::text[]) AS t (a, b)"
            return try await pool.run([PostgresStatement(sql, [.uuids(ids), .texts(["x", ""])])])[0].map {
                ($0.uuid(0), $0.text(1))
            }
        }

        #expect(rows.map(\.0) == ids && rows.map(\.1) == ["x", ""])
    }

    @Test func `a batch is done as a whole or not at all`() async throws {
        let url = try RealPostgres.shared().makeDatabase()
        let count = try await withPool(url: url) { pool in
            try await pool.run([PostgresStatement("CREATE TABLE t (n int8 PRIMARY KEY)")])
            let insert = PostgresStatement("INSERT INTO t VALUES ($1)", [.integer(1)])
            await #expect(throws: StorageFailure.conflict) { try await pool.run([insert, insert]) }
            // What the failed batch prepared, or did not, is no matter.
            try await pool.run([PostgresStatement("INSERT INTO t VALUES ($1)", [.integer(2)])])
            return try await pool.run([PostgresStatement("SELECT count(*) FROM t")])[0].first?.integer(0)
        }

        #expect(count == 1)
    }

    @Test func `many callers share few connections`() async throws {
        var limits = PoolLimits()
        limits.mostConnections = 2
        limits.wait = 15_000_000_000
        let (sum, figures) = try await withPool(limits) { pool in
            let sum = try await withThrowingTaskGroup(of: Int64.self) { group in
                for number in 0..<500 {
                    group.addTask {
                        let sql = PostgresStatement("SELECT $1::int8", [.integer(Int64(number))])
                        return try await pool.run([sql])[0].first?.integer(0) ?? -1
                    }
                }
                return try await group.reduce(0, +)
            }
            return (sum, pool.figures)
        }

        #expect(sum == 499 * 500 / 2)
        #expect(figures.open <= 2 && figures.opened <= 2 && figures.granted == 500 && figures.refused == 0)
    }

    @Test func `a transaction that throws changes nothing, and its connection is good again`() async throws {
        var limits = PoolLimits()
        limits.mostConnections = 1
        let url = try RealPostgres.shared().makeDatabase()
        let (count, figures) = try await withPool(limits, url: url) { pool in
            try await pool.run([PostgresStatement("CREATE TABLE t (n int8)")])
            await #expect(throws: StorageFailure.broken("no")) {
                try await pool.transaction { transaction throws(StorageFailure) in
                    try await transaction.run([PostgresStatement("INSERT INTO t VALUES (1)")])
                    throw .broken("no")
                }
            }
            let count = try await pool.run([PostgresStatement("SELECT count(*) FROM t")])[0].first?.integer(0)
            return (count, pool.figures)
        }

        #expect(count == 0 && figures.opened == 1)
    }

    @Test func `serialisation failures are tried again until all have counted`() async throws {
        let url = try RealPostgres.shared().makeDatabase()
        let (value, retries) = try await withPool(url: url) { pool in
            try await pool.run([
                PostgresStatement("CREATE TABLE t (n int8)"), PostgresStatement("INSERT INTO t VALUES (0)"),
            ])
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<3 {
                    group.addTask {
                        _ = try? await pool.transaction { transaction throws(StorageFailure) in
                            try await transaction.run([
                                PostgresStatement("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
                            ])
                            let read = try await transaction.run([PostgresStatement("SELECT n FROM t")])
                            let next = (read[0].first?.integer(0) ?? 0) + 1
                            try await transaction.run([PostgresStatement("SELECT pg_sleep(0.05)")])
                            try await transaction.run([PostgresStatement("UPDATE t SET n = $1", [.integer(next)])])
                        }
                    }
                }
            }
            let value = try await pool.run([PostgresStatement("SELECT n FROM t")])[0].first?.integer(0)
            return (value, pool.figures.retries)
        }

        #expect(value == 3 && retries > 0)
    }

    @Test func `a statement over its time is ended, and the connection goes on`() async throws {
        var limits = PoolLimits()
        limits.statementMilliseconds = 1000
        let one = try await withPool(limits) { pool in
            await #expect(throws: StorageFailure.self) {
                try await pool.run([PostgresStatement("SELECT pg_sleep(30)")])
            }
            return try await pool.run([PostgresStatement("SELECT 1::int8")])[0].first?.integer(0)
        }

        #expect(one == 1)
    }

    @Test func `who is cancelled gets an answer at once, and the server stops`() async throws {
        let url = try RealPostgres.shared().makeDatabase()
        try await withPool(url: url) { pool in
            let sleeping = PostgresStatement(
                "SELECT 1::int8 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60%' AND datname = current_database()"
            )
            let task = Task {
                try await pool.transaction { transaction throws(StorageFailure) in
                    try await transaction.run([PostgresStatement("SELECT pg_sleep(60)")])
                }
            }
            try await eventually { try await pool.run([sleeping])[0].count == 1 }

            task.cancel()

            await #expect(throws: StorageFailure.self) { try await task.value }
            try await eventually { try await pool.run([sleeping])[0].count == 0 }
        }
    }

    @Test func `the pool recovers by itself when the server was away`() async throws {
        let server = try RealPostgres()
        let now = PostgresStatement("SELECT 1::int8")
        try await withPool(url: server.url()) { pool in
            try await pool.run([now])
            server.stop(.atOnce)
            await #expect(throws: StorageFailure.self) { try await pool.run([now]) }
            try server.start()
            try await eventually { (try? await pool.run([now])) != nil }
            #expect(pool.figures.lost >= 1)
        }
        server.stop(.leaving)
    }

    @Test func `a caller that finds every connection lent is told so in time`() async throws {
        var limits = PoolLimits()
        limits.mostConnections = 1
        limits.wait = 1_500_000_000
        try await withPool(limits) { pool in
            try await pool.transaction { transaction throws(StorageFailure) in
                await #expect(throws: StorageFailure.self) { try await pool.run([PostgresStatement("SELECT 1")]) }
                try await transaction.run([PostgresStatement("SELECT 1")])
            }
            #expect(pool.figures.refused == 1 && pool.figures.open == 1)
        }
    }

    @Test func `a URL that cannot be read is not quoted`() async throws {
        var limits = PoolLimits()
        limits.wait = 500_000_000
        try await withPool(limits, url: "postgres://me:se/cret@host:x/db") { pool in
            let failure = await #expect(throws: StorageFailure.self) {
                try await pool.run([PostgresStatement("SELECT 1")])
            }
            #expect(!"\(String(describing: failure))".contains("cret"))
        }
    }
}
