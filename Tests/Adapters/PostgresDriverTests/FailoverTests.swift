import ConnectionPooling
import Foundation
import PostgresDriver
import RealServices
import Storage
import Synchronization
import Testing

/// Days on which a server goes, and another takes its place.
@Suite(.timeLimit(.minutes(3))) struct FailoverTests {
    /// What writers were told: what they were promised, and what else.
    private struct Ledger {
        var kept: [Int64] = []
        var unavailable = 0
        var other: [String] = []
    }

    /// Writers that go on until they are stopped, each number once.
    private final class Writers: Sendable {
        let ledger = Mutex(Ledger())
        private let isStopped = Mutex(false)
        private let pool: PostgresPool

        init(_ pool: PostgresPool) { self.pool = pool }

        func stop() { isStopped.withLock { $0 = true } }

        func run(count: Int = 8) async {
            await withTaskGroup(of: Void.self) { group in
                for writer in 0..<count {
                    group.addTask {
                        var number = Int64(writer)
                        while !self.isStopped.withLock({ $0 }) {
                            await self.write(number, inTransaction: writer % 2 == 0)
                            number += Int64(count)
                        }
                    }
                }
            }
        }

        private func write(_ number: Int64, inTransaction: Bool) async {
            let insert = PostgresStatement("INSERT INTO t VALUES ($1)", [.integer(number)])
            do throws(StorageFailure) {
                if inTransaction {
                    try await pool.transaction { transaction throws(StorageFailure) in
                        _ = try await transaction.run([insert])
                    }
                } else {
                    try await pool.run([insert])
                }
                ledger.withLock { $0.kept.append(number) }
            } catch {
                ledger.withLock { ledger in
                    if case .unavailable = error {
                        ledger.unavailable += 1
                    } else {
                        ledger.other.append("\(error)")
                    }
                }
            }
        }

        /// Asks until more was kept than now.
        func waitForProgress() async throws {
            let before = ledger.withLock { $0.kept.count }
            try await eventually { ledger.withLock { $0.kept.count } > before + 20 }
        }
    }

    private func verify(_ writers: Writers, _ server: RealPostgres, failsAtLeast: Int = 0) throws {
        let rows = try RealPostgres.ask("SELECT n FROM t", at: server.url())
        let found = Set(rows.split(separator: "\n").compactMap { Int64($0) })
        let ledger = writers.ledger.withLock { $0 }
        #expect(ledger.other.isEmpty, "only declared refusals: \(ledger.other.prefix(3))")
        #expect(ledger.unavailable >= failsAtLeast)
        #expect(Set(ledger.kept).count == ledger.kept.count && Set(ledger.kept).isSubset(of: found))
    }

    private static let table = PostgresStatement("CREATE TABLE t (n int8 PRIMARY KEY)")
    /// How long a server stays away: short here, long in `make soak`.
    private static var secondsAway: Double {
        ProcessInfo.processInfo.environment["WEIR_SOAK"].flatMap(Double.init) ?? 1
    }

    @Test func `a standby that is promoted is found while writers go on`() async throws {
        let primary = try RealPostgres(["synchronous_standby_names='*'", "synchronous_commit=remote_apply"])
        let standby = try RealPostgres(["synchronous_standby_names=''"], standbyOf: primary)
        let pool = PostgresPool(
            url: "postgres://postgres@/postgres?host=\(primary.folder.path),\(standby.folder.path)")
        try await pool.run([Self.table])
        let writers = Writers(pool)
        async let running: Void = writers.run()
        try await writers.waitForProgress()

        primary.stop(.atOnce)
        try standby.promote()
        try await writers.waitForProgress()

        writers.stop()
        await running
        try verify(writers, standby)
        #expect(pool.figures.lost > 0)
        await pool.close()
        standby.stop(.leaving)
        primary.stop(.leaving)
    }

    /// The connections stay; only what is written is refused (SQLSTATE 25006), and undone: it is tried again elsewhere.
    @Test func `a primary that takes no more writes is left for one that does`() async throws {
        let (first, second) = (try RealPostgres(), try RealPostgres())
        let hosts = "host=\(first.folder.path),\(second.folder.path)"
        let pool = PostgresPool(url: "postgres://postgres@/postgres?\(hosts)")
        try second.sql("CREATE TABLE t (n int8 PRIMARY KEY)")
        try await pool.run([Self.table])
        let writers = Writers(pool)
        async let running: Void = writers.run()
        try await writers.waitForProgress()
        #expect(try RealPostgres.ask("SELECT count(*) FROM t", at: second.url()) == "0")

        try first.sql("ALTER SYSTEM SET default_transaction_read_only = on")
        try first.sql("SELECT pg_reload_conf()")
        try await eventually { try RealPostgres.ask("SELECT count(*) > 20 FROM t", at: second.url()) == "t" }

        writers.stop()
        await running
        let ledger = writers.ledger.withLock { $0 }
        let rows = "SELECT count(*) FROM t"
        let kept = try [first, second].map { Int(try RealPostgres.ask(rows, at: $0.url())) ?? 0 }.reduce(0, +)
        #expect(ledger.other.isEmpty && ledger.kept.count == kept, "\(ledger.other.prefix(3))")
        #expect(pool.figures.retries > 0)
        await pool.close()
        first.stop(.leaving)
        second.stop(.leaving)
    }

    @Test func `a server that is away for a while is found again, and nobody waits longer than was said`() async throws
    {
        let server = try RealPostgres()
        var limits = PoolLimits()
        limits.wait = 500_000_000
        let pool = PostgresPool(url: server.url(), limits: limits)
        try server.sql("CREATE TABLE t (n int8 PRIMARY KEY)")
        let writers = Writers(pool)
        async let running: Void = writers.run()
        try await writers.waitForProgress()

        server.stop(.fast)
        let until = ContinuousClock.now + .seconds(Self.secondsAway)
        var longest = Duration.zero
        while ContinuousClock.now < until {
            let start = ContinuousClock.now
            await #expect(throws: StorageFailure.self) { try await pool.run([PostgresStatement("SELECT 1")]) }
            longest = max(longest, ContinuousClock.now - start)
        }
        try server.start()
        try await writers.waitForProgress()

        writers.stop()
        await running
        try verify(writers, server, failsAtLeast: 1)
        #expect(longest < .seconds(8), "0.5 s are allowed, and the machine is busy")
        await pool.close()
        server.stop(.leaving)
    }

    @Test func `a server restarted under load costs what was under way and nothing else`() async throws {
        let server = try RealPostgres()
        let pool = PostgresPool(url: server.url())
        try await pool.run([Self.table])
        let writers = Writers(pool)
        async let running: Void = writers.run()

        for round in 0..<3 {
            try await writers.waitForProgress()
            server.stop(round == 1 ? .atOnce : .fast)
            try server.start()
        }
        try await writers.waitForProgress()

        writers.stop()
        await running
        try verify(writers, server)
        #expect(pool.figures.lost >= 3)
        await pool.close()
        server.stop(.leaving)
    }

    @Test func `a server that only reads is no place for our data, and says so`() async throws {
        let server = try RealPostgres(["default_transaction_read_only=on"])
        var limits = PoolLimits()
        limits.failsFast = true
        let pool = PostgresPool(url: server.url(), limits: limits)

        let failure = await #expect(throws: StorageFailure.self) { try await pool.run([PostgresStatement("SELECT 1")]) }

        #expect("\(String(describing: failure))".contains("read-only"))
        await pool.close()
        server.stop(.leaving)
    }
}
