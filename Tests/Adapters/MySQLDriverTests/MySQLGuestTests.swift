import ConnectionPooling
import Foundation
import MySQLDriver
import RealServices
import Testing
import Vocabulary

/// Statements in somebody else's database, under terms.
@Suite struct MySQLGuestTests {
    private static func reading(_ milliseconds: UInt64 = 10_000, rows: Int = .max, bytes: Int = .max) -> MySQLTerms {
        var terms = MySQLTerms(timeout: milliseconds * 1_000_000)
        terms.onlyReads = true
        terms.maxRows = rows
        terms.maxBytes = bytes
        terms.named = true
        return terms
    }

    private static let writing = MySQLTerms(timeout: 10_000_000_000)

    private func withGuest<Result: Sendable>(
        connections: Int = 1, _ body: (MySQLPool) async throws -> Result
    ) async throws -> Result {
        var limits = PoolLimits()
        limits.mostConnections = connections
        return try await MySQLTesting.withPool(
            limits, url: RealMariaDB.shared().makeDatabase(), session: .guest, body)
    }

    private func failure(_ pool: MySQLPool, _ sql: String, _ terms: MySQLTerms) async throws -> MySQLFailure {
        let failure = await #expect(throws: MySQLFailure.self) { try await pool.ask(MySQLStatement(sql), terms) }
        return try #require(failure)
    }

    @Test func `what only reads changes nothing, in whatever words`() async throws {
        try await withGuest { pool in
            for sql in [
                "CREATE TABLE t (n INT) ENGINE = InnoDB", "INSERT INTO t VALUES (1)",
                "CREATE FUNCTION f() RETURNS INT MODIFIES SQL DATA BEGIN INSERT INTO t VALUES (2); RETURN 1; END",
                "CREATE SEQUENCE s ENGINE = InnoDB",
            ] { _ = try await pool.ask(MySQLStatement(sql), Self.writing) }

            for sql in [
                "INSERT INTO t VALUES (3)", "DELETE FROM t", "SELECT f()", "SELECT n FROM t FOR UPDATE",
                "SELECT n FROM t INTO OUTFILE '/tmp/weir-never'", "SELECT n INTO @x FROM t", "DROP TABLE t",
                "CREATE TABLE u (n INT)", "SELECT NEXT VALUE FOR s", "SET SESSION TRANSACTION READ WRITE", "COMMIT",
            ] {
                let failure = try await failure(pool, sql, Self.reading())
                #expect([.server, .refused].contains(failure.kind), "\(sql): \(failure)")
            }

            let rows = try await pool.ask(MySQLStatement("SELECT n FROM t"), Self.reading())
            #expect(rows.count == 1)
            #expect(!FileManager.default.fileExists(atPath: "/tmp/weir-never"))
            // The same connection writes again when it may.
            let written = try await pool.ask(MySQLStatement("INSERT INTO t VALUES (4)"), Self.writing)
            #expect(written.affected == 1 && pool.figures.opened == 1)
        }
    }

    @Test func `rows and bytes have bounds, and what is beyond is not read`() async throws {
        try await withGuest { pool in
            let endless = "SELECT seq, REPEAT('x', 1000) FROM seq_1_to_100000000"
            let began = ContinuousClock.now
            let many = try await failure(pool, endless, Self.reading(60_000, rows: 10))
            let insistent = try await failure(pool, endless + " LIMIT 90000000", Self.reading(60_000, rows: 10))
            let heavy = try await failure(pool, endless, Self.reading(60_000, bytes: 50_000))
            let enough = try await pool.ask(MySQLStatement("SELECT seq FROM seq_1_to_10"), Self.reading(rows: 10))

            #expect(many.kind == .tooMuch && many.message.contains("more than 10 rows"))
            #expect(insistent.kind == .tooMuch && heavy.kind == .tooMuch)
            #expect(enough.count == 10 && ContinuousClock.now - began < .seconds(30))
        }
    }

    @Test func `a statement has its time and no more, and the server is told`() async throws {
        try await withGuest(connections: 2) { pool in
            let began = ContinuousClock.now
            let late = try await failure(pool, "SELECT SLEEP(70)", Self.reading(300))
            let writes = try await failure(pool, "DO SLEEP(70)", MySQLTerms(timeout: 300_000_000))

            #expect(late.kind == .timedOut && writes.kind == .timedOut)
            #expect(ContinuousClock.now - began < .seconds(20))
            let sleeping = MySQLStatement(
                """
                SELECT count(*) FROM information_schema.processlist
                WHERE info LIKE '%SLEEP(70%' AND db = DATABASE() AND id <> CONNECTION_ID()
                """)
            try await MySQLTesting.until { try await pool.ask(sleeping, Self.reading()).first?.integer(0) == 0 }
        }
    }

    @Test func `a statement leaves nothing open for the next`() async throws {
        try await withGuest { pool in
            _ = try await pool.ask(MySQLStatement("CREATE TABLE t (n INT) ENGINE = InnoDB"), Self.writing)
            let begun = try await failure(pool, "START TRANSACTION", Self.writing)
            _ = try await pool.ask(MySQLStatement("INSERT INTO t VALUES (1)"), Self.writing)
            var setting = Self.writing
            setting.endsSession = true
            _ = try await pool.ask(MySQLStatement("SET autocommit = 0"), setting)
            _ = try await pool.ask(MySQLStatement("INSERT INTO t VALUES (2)"), Self.writing)
            let seen = try RealMariaDB.shared().sql(
                "SELECT count(*) FROM \(try await pool.ask(MySQLStatement("SELECT DATABASE()"), Self.reading()).first?.text(0) ?? "").t"
            )

            #expect(begun.kind == .refused && seen == "2\n")
        }
    }

    @Test func `each type is told as documented`() async throws {
        try await withGuest { pool in
            for sql in [
                """
                CREATE TABLE t (a DECIMAL(20,4), b BIGINT UNSIGNED, c TINYINT(1), d DATE, e DATETIME(3), f TIMESTAMP NULL,
                g TIME, h YEAR, i JSON, j BLOB, k FLOAT, l DOUBLE, m BIT(10), n ENUM('x', 'y'), o VARCHAR(10), p INT)
                """,
                """
                INSERT INTO t VALUES (12.5, 18446744073709551615, 1, '2026-01-02', '2026-01-02 03:04:05.678',
                '2026-01-02 03:04:05', '-12:34:56', 2026, '{"a": 1}', x'00ff', 0.1, 0.1, b'1000000001', 'y', 'é', NULL)
                """,
            ] { _ = try await pool.ask(MySQLStatement(sql), Self.writing) }

            let table = try await pool.ask(MySQLStatement("SELECT * FROM t"), Self.reading())
            let row = try #require(table.first)

            #expect(table.names == "abcdefghijklmnop".map { "\($0)" })
            #expect(row.text(0) == "12.5000" && row.text(1) == "18446744073709551615" && row.cell(2) == .integer(1))
            #expect(row.text(3) == "2026-01-02" && row.text(4) == "2026-01-02T03:04:05.678")
            #expect(
                row.text(5) == "2026-01-02T03:04:05Z" && row.text(6) == "-12:34:56" && row.cell(7) == .integer(2026))
            #expect(row.text(8) == #"{"a": 1}"# && row.bytes(9) == [0, 255])
            #expect(row.cell(10) == .real(0.1) && row.cell(11) == .real(0.1) && row.cell(12) == .integer(513))
            #expect(row.text(13) == "y" && row.text(14) == "é" && row.cell(15) == .null)
        }
    }

    @Test func `parameters are counted before anything is sent`() async throws {
        try await withGuest { pool in
            let few = try await failure(pool, "SELECT ?", Self.reading())
            #expect(few.kind == .refused && few.message.contains("1 parameters"))
        }
    }

    @Test func `a procedure's results are read, and its connection goes on`() async throws {
        try await withGuest { pool in
            let sql = "CREATE PROCEDURE p() BEGIN SELECT 1 AS a; SELECT 2 AS b UNION SELECT 3; END"
            _ = try await pool.ask(MySQLStatement(sql), Self.writing)
            for _ in 0..<3 {
                let table = try await pool.ask(MySQLStatement("CALL p()"), Self.writing)
                #expect(table.first?.integer(0) == 1)
            }
            #expect(pool.figures.opened == 1)
        }
    }

    @Test func `a private address is not called unless it may be`() async throws {
        var limits = PoolLimits()
        limits.wait = 3_000_000_000
        for url in ["mysql://root@127.0.0.1:3306/d", "mysql://root@localhost/d", try RealMariaDB.shared().url()] {
            let pool = MySQLPool(
                try MySQLAddress(url), limits: limits, session: .guest, judgement: { $0.count == 4 && $0[0] == 8 })
            let failure = await #expect(throws: MySQLFailure.self) {
                try await pool.ask(MySQLStatement("SELECT 1"), Self.reading())
            }
            #expect(failure?.kind == .refusedAddress)
            await pool.close()
        }
    }
}
