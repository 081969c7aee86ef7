import ConnectionPooling
import Foundation
import MySQLDriver
import RealServices
import Seeds
import Storage
import Testing
import Vocabulary

@Suite struct MySQLPoolTests {
    @Test func `every type comes back as it was sent`() async throws {
        let id = Identifier.make()
        let row = try await MySQLTesting.withPool { pool in
            try await pool.run([
                MySQLStatement(
                    "SELECT ?, CAST(? AS CHAR), CAST(? AS BINARY), CAST(? AS BINARY(16)), ?, CAST(? AS SIGNED), -7",
                    [.integer(.min), .text("naïve ☃"), .bytes([0, 255, 0]), .uuid(id), .real(-0.5), .null])
            ])[0].map { row in
                (
                    row.integer(0), row.text(1), row.bytes(2), row.uuid(3), row.real(4), row.optionalInteger(5),
                    row.integer(6)
                )
            }[0]
        }

        #expect(row.0 == .min && row.1 == "naïve ☃" && row.2 == [0, 255, 0] && row.3 == id)
        #expect(row.4 == -0.5 && row.5 == nil && row.6 == -7)
    }

    @Test func `a table gives back what it was given, over many rows of all sizes`() async throws {
        var random = SeededRandom(seed: 7)
        var rows: [(Int64, String?, [UInt8], Double?)] = []
        for number in 0..<300 {
            let length = [0, 1, 7, 8, 9, 255, 256, 5000, 70_000].randomElement(using: &random) ?? 0
            let text: String? =
                number % 5 == 0 ? nil : String(repeating: ["a", "é", "☃"][number % 3], count: length / 3)
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            rows.append(
                (Int64(number), text, bytes, number % 7 == 0 ? nil : Double.random(in: -1e300...1e300, using: &random)))
        }
        let sent = rows
        let url = try RealMariaDB.shared().makeDatabase()
        let got = try await MySQLTesting.withPool(url: url) { pool in
            try await pool.run([
                MySQLStatement(
                    "CREATE TABLE t (n BIGINT PRIMARY KEY, a LONGTEXT, b LONGBLOB, d DOUBLE) CHARSET utf8mb4")
            ])
            try await pool.run(
                sent.map { row in
                    MySQLStatement(
                        "INSERT INTO t VALUES (?, ?, ?, ?)",
                        [
                            .integer(row.0), row.1.map { .text($0) } ?? .null, .bytes(row.2),
                            row.3.map { .real($0) } ?? .null,
                        ])
                })
            return try await pool.run([MySQLStatement("SELECT n, a, b, d FROM t ORDER BY n")])[0].map { row in
                (
                    row.integer(0), row.cell(1) == .null ? nil : row.text(1), row.bytes(2),
                    row.cell(3) == .null ? nil : row.real(3)
                )
            }
        }

        #expect(got.count == sent.count)
        for (found, given) in zip(got, sent) {
            #expect(found.0 == given.0 && found.1 == given.1 && found.2 == given.2 && found.3 == given.3)
        }
    }

    @Test func `a batch is done as a whole or not at all`() async throws {
        let url = try RealMariaDB.shared().makeDatabase()
        let count = try await MySQLTesting.withPool(url: url) { pool in
            try await pool.run([MySQLStatement("CREATE TABLE t (n BIGINT PRIMARY KEY)")])
            let insert = MySQLStatement("INSERT INTO t VALUES (?)", [.integer(1)])
            await #expect(throws: StorageFailure.conflict) { try await pool.run([insert, insert]) }
            try await pool.run([MySQLStatement("INSERT INTO t VALUES (?)", [.integer(2)])])
            return try await pool.run([MySQLStatement("SELECT count(*) FROM t")])[0].first?.integer(0)
        }

        #expect(count == 1)
    }

    @Test func `many callers share few connections`() async throws {
        var limits = PoolLimits()
        limits.mostConnections = 2
        limits.wait = 60_000_000_000  // all ask at once
        let (sum, figures) = try await MySQLTesting.withPool(limits) { pool in
            let sum = try await withThrowingTaskGroup(of: Int64.self) { group in
                for number in 0..<500 {
                    group.addTask {
                        try await pool.run([MySQLStatement("SELECT ?", [.integer(Int64(number))])])[0].first?.integer(0)
                            ?? -1
                    }
                }
                return try await group.reduce(0, +)
            }
            return (sum, pool.figures)
        }

        #expect(sum == 499 * 500 / 2)
        #expect(figures.open <= 2 && figures.opened <= 2 && figures.granted == 500 && figures.refused == 0)
    }

    @Test func `more statements than are kept prepared do no harm`() async throws {
        var limits = PoolLimits()
        limits.mostConnections = 1
        let sum = try await MySQLTesting.withPool(limits) { pool in
            var sum: Int64 = 0
            for number in 0..<600 {
                sum +=
                    try await pool.run([MySQLStatement("SELECT ? + \(number % 300)", [.integer(1)])])[0].first?.integer(
                        0) ?? 0
            }
            return sum
        }

        #expect(sum == 600 + 2 * 299 * 300 / 2)
    }

    @Test func `a transaction that throws changes nothing, and its connection is good again`() async throws {
        var limits = PoolLimits()
        limits.mostConnections = 1
        let url = try RealMariaDB.shared().makeDatabase()
        let (count, figures) = try await MySQLTesting.withPool(limits, url: url) { pool in
            try await pool.run([MySQLStatement("CREATE TABLE t (n BIGINT)")])
            await #expect(throws: StorageFailure.broken("no")) {
                try await pool.transaction { transaction throws(StorageFailure) in
                    try await transaction.run([MySQLStatement("INSERT INTO t VALUES (1)")])
                    throw .broken("no")
                }
            }
            let count = try await pool.run([MySQLStatement("SELECT count(*) FROM t")])[0].first?.integer(0)
            return (count, pool.figures)
        }

        #expect(count == 0 && figures.opened == 1)
    }

    @Test func `deadlocks are tried again until all have counted`() async throws {
        let url = try RealMariaDB.shared().makeDatabase()
        let (sum, retries) = try await MySQLTesting.withPool(url: url) { pool in
            try await pool.run([
                MySQLStatement("CREATE TABLE t (id INT PRIMARY KEY, n INT) ENGINE = InnoDB"),
                MySQLStatement("INSERT INTO t VALUES (1, 0), (2, 0)"),
            ])
            func move(_ first: Int64, _ second: Int64) async throws {
                try await pool.transaction { transaction throws(StorageFailure) in
                    let raise = "UPDATE t SET n = n + 1 WHERE id = ?"
                    try await transaction.run([MySQLStatement(raise, [.integer(first)])])
                    try await transaction.run([MySQLStatement("DO SLEEP(0.05)")])
                    try await transaction.run([MySQLStatement(raise, [.integer(second)])])
                }
            }
            for _ in 0..<5 {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await move(1, 2) }
                    group.addTask { try await move(2, 1) }
                    try await group.waitForAll()
                }
            }
            let sum = try await pool.run([MySQLStatement("SELECT sum(n) FROM t")])[0].first?.integer(0)
            return (sum, pool.figures.retries)
        }

        #expect(sum == 20 && retries > 0)
    }

    @Test func `a session of the store is strict, in UTC, and sees what others committed`() async throws {
        let settings = try await MySQLTesting.withPool { pool in
            try await pool.run([
                MySQLStatement("SELECT @@time_zone, @@sql_mode, @@tx_isolation, @@character_set_connection")
            ])[0].map { row in (0..<4).map { row.text($0) } }[0]
        }

        #expect(settings[0] == "+00:00" && settings[1].contains("STRICT_ALL_TABLES"))
        #expect(settings[2] == "READ-COMMITTED" && settings[3] == "utf8mb4")
    }
}

enum MySQLTesting {
    static func withPool<Result: Sendable>(
        _ limits: PoolLimits = PoolLimits(), url: String? = nil, session: MySQLSession = .store,
        judgement: AddressJudgement? = nil, _ body: (MySQLPool) async throws -> Result
    ) async throws -> Result {
        let pool = MySQLPool(
            try MySQLAddress(try url ?? RealMariaDB.shared().url()), limits: limits, session: session,
            judgement: judgement)
        do {
            let result = try await body(pool)
            await pool.close()
            return result
        } catch {
            await pool.close()
            throw error
        }
    }

    /// Asks again until it holds, for at most twenty seconds.
    static func until(_ holds: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while try await !holds() {
            try #require(ContinuousClock.now < deadline, "it did not come about in twenty seconds")
            await Task.yield()
        }
    }
}
