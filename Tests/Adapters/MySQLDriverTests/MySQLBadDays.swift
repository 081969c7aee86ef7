import ConnectionPooling
import Foundation
import MySQLDriver
import RealServices
import Storage
import Testing
import Vocabulary

/// What goes wrong between us and a server.
@Suite struct MySQLBadDays {
    private static let one = MySQLStatement("SELECT 1")

    @Test func `the pool recovers by itself when the server was away`() async throws {
        let server = try RealMariaDB()
        try await MySQLTesting.withPool(url: server.url()) { pool in
            try await pool.run([Self.one])
            server.stop(.atOnce)
            await #expect(throws: StorageFailure.self) { try await pool.run([Self.one]) }
            try server.start()
            try await MySQLTesting.until { (try? await pool.run([Self.one])) != nil }
            #expect(pool.figures.lost >= 1 && pool.figures.failedToOpen >= 1)
        }
        server.stop(.leaving)
    }

    @Test func `a server that does not answer is given up in time, and found again`() async throws {
        let server = try RealMariaDB()
        defer { server.stop(.leaving) }
        var limits = PoolLimits()
        limits.statementMilliseconds = 300
        limits.openSeconds = 1
        try await MySQLTesting.withPool(limits, url: server.url()) { pool in
            try await pool.run([Self.one])
            server.pause()
            let began = ContinuousClock.now
            let failure = await #expect(throws: StorageFailure.self) { try await pool.run([Self.one]) }
            let took = ContinuousClock.now - began
            server.resume()
            #expect(took > .seconds(2) && took < .seconds(20), "\(took)")
            if case .unavailable = failure {} else { Issue.record("\(String(describing: failure))") }
            try await MySQLTesting.until { (try? await pool.run([Self.one])) != nil }
        }
    }

    @Test func `a statement over its time is ended, and the connection goes on`() async throws {
        var limits = PoolLimits()
        limits.statementMilliseconds = 500
        limits.mostConnections = 1
        let (one, opened) = try await MySQLTesting.withPool(limits) { pool in
            let failure = await #expect(throws: StorageFailure.self) {
                try await pool.run([MySQLStatement("SELECT SLEEP(30)")])
            }
            if case .unavailable = failure {} else { Issue.record("\(String(describing: failure))") }
            return (try await pool.run([Self.one])[0].first?.integer(0), pool.figures.opened)
        }

        #expect(one == 1 && opened <= 2)
    }

    @Test func `who is cancelled gets an answer at once, and the server stops`() async throws {
        let url = try RealMariaDB.shared().makeDatabase()
        try await MySQLTesting.withPool(url: url) { pool in
            let sleeping = MySQLStatement(
                """
                SELECT count(*) FROM information_schema.processlist
                WHERE info LIKE 'SELECT SLEEP(60%' AND db = DATABASE()
                """)
            let task = Task {
                try await pool.transaction { transaction throws(StorageFailure) in
                    try await transaction.run([MySQLStatement("SELECT SLEEP(60)")])
                }
            }
            try await MySQLTesting.until { try await pool.run([sleeping])[0].first?.integer(0) == 1 }

            task.cancel()

            await #expect(throws: StorageFailure.self) { try await task.value }
            try await MySQLTesting.until { try await pool.run([sleeping])[0].first?.integer(0) == 0 }
        }
    }

    @Test func `a lock that others hold is waited for, for a while`() async throws {
        let url = try RealMariaDB.shared().makeDatabase()
        try await MySQLTesting.withPool(url: url) { pool in
            try await pool.run([
                MySQLStatement("CREATE TABLE t (id INT PRIMARY KEY) ENGINE = InnoDB"),
                MySQLStatement("INSERT INTO t VALUES (1)"),
            ])
            let (isHeld, held) = AsyncStream.makeStream(of: Void.self)
            let (mayGo, go) = AsyncStream.makeStream(of: Void.self)
            let holder = Task {
                try await pool.transaction { transaction throws(StorageFailure) in
                    try await transaction.run([MySQLStatement("SELECT id FROM t FOR UPDATE")])
                    held.yield()
                    for await _ in mayGo { break }
                }
            }
            for await _ in isHeld { break }
            let free = try await pool.run([MySQLStatement("SELECT id FROM t FOR UPDATE SKIP LOCKED")])[0].count
            let waiter = Task { try await pool.run([MySQLStatement("DELETE FROM t WHERE id = 1")])[0].affected }
            go.yield()

            try await holder.value
            #expect(free == 0)
            #expect(try await waiter.value == 1)
        }
    }

    @Test func `a caller that finds every connection lent is told so in time`() async throws {
        var limits = PoolLimits()
        limits.mostConnections = 1
        limits.wait = 1_500_000_000
        try await MySQLTesting.withPool(limits) { pool in
            try await pool.transaction { transaction throws(StorageFailure) in
                await #expect(throws: StorageFailure.self) { try await pool.run([Self.one]) }
                try await transaction.run([Self.one])
            }
            #expect(pool.figures.refused >= 1 && pool.figures.open == 1)
        }
    }

    @Test func `a wrong password is told as such, and the password is not`() async throws {
        let server = try RealMariaDB.shared()
        try server.sql("CREATE USER IF NOT EXISTS careful@localhost IDENTIFIED BY 'right'")
        var limits = PoolLimits()
        limits.wait = 2_000_000_000
        let url = server.url(user: "careful:wr0ng")
        try await MySQLTesting.withPool(limits, url: url) { pool in
            let failure = await #expect(throws: StorageFailure.self) { try await pool.run([Self.one]) }
            #expect("\(String(describing: failure))".contains("Access denied"))
            #expect(!"\(String(describing: failure))".contains("wr0ng"))
        }
        let one = try await MySQLTesting.withPool(url: server.url(user: "careful:right")) { pool in
            try await pool.run([Self.one])[0].first?.integer(0)
        }
        #expect(one == 1)
    }

    @Test func `a server that takes no writes is left for another`() async throws {
        let server = try RealMariaDB()
        defer { server.stop(.leaving) }
        try server.sql("CREATE DATABASE d; CREATE USER app@localhost; GRANT ALL ON d.* TO app@localhost")
        try await MySQLTesting.withPool(url: server.url(database: "d", user: "app")) { pool in
            try await pool.run([MySQLStatement("CREATE TABLE t (n INT)")])
            try server.sql("SET GLOBAL read_only = 1")
            let failure = await #expect(throws: StorageFailure.self) {
                try await pool.run([MySQLStatement("INSERT INTO t VALUES (1)")])
            }
            if case .unavailable = failure {} else { Issue.record("\(String(describing: failure))") }
            try server.sql("SET GLOBAL read_only = 0")
            try await pool.run([MySQLStatement("INSERT INTO t VALUES (1)")])
            #expect(pool.figures.lost >= 1)
        }
    }
}
