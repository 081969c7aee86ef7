import ConnectionPooling
import Foundation
import PostgresDriver
import RealServices
import Storage
import Synchronization
import Testing

/// Reads of many callers, which travel together.
@Suite struct PostgresReadTests {
    private final class End: Sendable { let isHere = Atomic(false) }

    enum Way: CaseIterable { case direct, pooled }

    private func withPool<Result: Sendable>(
        _ way: Way = .direct, _ url: String? = nil, wait: UInt64 = 15_000_000_000, least: Int = 0,
        _ body: (PostgresPool) async throws -> Result
    ) async throws -> Result {
        var limits = PoolLimits()
        limits.mostConnections = 3
        limits.leastConnections = least
        limits.wait = wait
        let usual = try way == .direct ? RealPostgres.shared().url() : RealPgBouncer.shared().url()
        return try await PostgresPool.lend(url ?? usual, limits, body)
    }

    private static func number(_ number: Int) -> PostgresStatement {
        PostgresStatement("SELECT 100 / ($1::int8 - $1::int8 + $2::int8)", [.integer(1), .integer(Int64(number))])
    }

    /// Divides by nothing once in seven.
    @Test(arguments: Way.allCases) func `each caller has its own answer, though others fail`(_ way: Way) async throws {
        let counts = try await withPool(way) { pool in
            await withTaskGroup(of: Bool?.self) { group in
                for caller in 0..<64 {
                    group.addTask {
                        for call in 0..<20 {
                            let divisor = (caller + call) % 7
                            // Of its own statements, the second may fail of the first.
                            let statements = [Self.number(divisor), Self.number(5)]
                            do throws(StorageFailure) {
                                let tables = try await pool.read(statements)
                                let found = tables.map { $0.first?.integer(0) }
                                guard divisor > 0, found == [Int64(100 / divisor), 20] else { return nil }
                            } catch {
                                guard divisor == 0, case .broken = error else { return nil }
                            }
                        }
                        return true
                    }
                }
                return await group.reduce(into: [false: 0, true: 0]) { $0[$1 ?? false, default: 0] += 1 }
            }
        }

        #expect(counts[true] == 64)
    }

    @Test func `a caller that leaves does so at once, and takes nobody with it`() async throws {
        let (left, others) = try await withPool(least: 3) { pool in
            try await eventually { pool.figures.open == 3 }
            let slow = Task { try await pool.read([PostgresStatement("SELECT pg_sleep(30)")]) }
            try await eventually { pool.figures.granted > 0 }
            slow.cancel()
            let left = await slow.result
            // One after the other, until it is clear who is slow.
            for _ in 0..<50 { _ = try await pool.read([Self.number(10)]) }
            let sum = try await withThrowingTaskGroup(of: Int64.self) { group in
                for _ in 0..<50 {
                    group.addTask { try await pool.read([Self.number(10)])[0].first?.integer(0) ?? 0 }
                }
                return try await group.reduce(0, +)
            }
            return (left, sum)
        }

        #expect(throws: StorageFailure.self) { try left.get() }
        #expect(others == 500)
    }

    @Test func `reads go on over lost connections`() async throws {
        let server = try RealPostgres()
        defer { server.stop(.leaving) }
        let (answers, lost) = try await withPool(.direct, server.url()) { pool in
            let end = End()
            let answers = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<16 {
                    group.addTask {
                        var count = 0
                        while !end.isHere.load(ordering: .relaxed) {
                            guard try await pool.read([Self.number(4)])[0].first?.integer(0) == 25 else { return 0 }
                            count += 1
                        }
                        return count
                    }
                }
                let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                for round in 1...3 {
                    try await eventually { pool.figures.granted > round * 500 }
                    _ = try RealPostgres.ask(cut, at: server.url())
                }
                server.stop(.atOnce)
                try server.start()
                let before = pool.figures.granted
                try await eventually { pool.figures.granted > before + 500 }
                end.isHere.store(true, ordering: .relaxed)
                return try await group.reduce(into: []) { $0.append($1) }
            }
            return (answers, pool.figures.lost)
        }

        #expect(answers.count == 16 && answers.allSatisfy { $0 > 0 } && lost >= 4)
    }

    @Test func `without a server they are refused in time, and all of them`() async throws {
        let (refused, took) = try await withPool(.direct, "postgres://u@127.0.0.1:1/d", wait: 1_000_000_000) {
            pool in
            let start = ContinuousClock.now
            let refused = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<40 {
                    group.addTask {
                        do throws(StorageFailure) { _ = try await pool.read([Self.number(1)]) } catch { return true }
                        return false
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            return (refused, ContinuousClock.now - start)
        }

        #expect(refused == 40 && took < .seconds(4))
    }

    @Test func `a closed pool refuses, those that wait too`() async throws {
        let pool = PostgresPool(url: try RealPostgres.shared().url())
        let slow = Task { try await pool.read([PostgresStatement("SELECT pg_sleep(30)")]) }
        try await eventually { pool.figures.granted > 0 }
        await pool.close()
        let waited = await slow.result

        #expect(throws: StorageFailure.self) { try waited.get() }
        await #expect(throws: StorageFailure.self) { try await pool.read([Self.number(1)]) }
    }

    /// The tasks run where the connections are.
    @Test func `tasks on the pool's own thread are answered too`() async throws {
        let sum = try await withPool { pool in
            try await withThrowingTaskGroup(of: Int64.self) { group in
                for _ in 0..<20 {
                    group.addTask(executorPreference: pool.tasks) {
                        var sum: Int64 = 0
                        for _ in 0..<10 { sum += try await pool.read([Self.number(50)])[0].first?.integer(0) ?? 0 }
                        let whole = try await pool.transaction { transaction throws(StorageFailure) in
                            try await transaction.run([Self.number(100)])[0].first?.integer(0) ?? 0
                        }
                        return sum + whole
                    }
                }
                return try await group.reduce(0, +)
            }
        }

        #expect(sum == 20 * 21)
    }
}
