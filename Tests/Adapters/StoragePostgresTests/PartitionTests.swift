import ConnectionPooling
import PostgresDriver
import RealServices
import Storage
import Testing
import Vocabulary

@testable import StoragePostgres
@testable import StorageSQL

/// Traces in partitions of time, in a real PostgreSQL.
@Suite struct PartitionTests {
    private static func trace(at time: Timestamp, _ status: TraceStatus = .completed, isDead: Bool = false)
        -> TraceRecord
    {
        TraceRecord(
            id: .make(at: time), channelID: "c", channel: "c", mode: .async, status: status, isDead: isDead,
            dueAt: time, createdAt: time, completedAt: status == .completed || isDead ? time : nil)
    }

    /// How many rows a table has; nil where there is no such table.
    private static func count(_ pool: PostgresPool, _ table: String) async throws -> Int64? {
        let there = PostgresStatement("SELECT to_regclass('\(table)') IS NOT NULL")
        guard try await pool.run([there])[0].first?.bool(0) == true else { return nil }
        return try await pool.run([PostgresStatement("SELECT count(*) FROM \(table)")])[0].first?.integer(0)
    }

    private static func withDatabase(
        _ partitions: PartitionLimits = PartitionLimits(),
        _ body: (PostgresStore, PostgresPool) async throws -> Void
    ) async throws {
        let url = try RealPostgres.shared().makeDatabase()
        let store = try await PostgresStore.open(url: url, partitions: partitions)
        let pool = PostgresPool(url: url)
        do { try await body(store, pool) } catch {
            await store.close()
            await pool.close()
            throw error
        }
        await store.close()
        await pool.close()
    }

    /// Makes the partition of a day.
    private static func makeDay(_ pool: PostgresPool, _ day: Int64) async throws -> Timestamp {
        let from = UInt64(day) * 86_400_000
        try await pool.run([
            PostgresStatement(
                """
                CREATE TABLE traces_day PARTITION OF traces (PRIMARY KEY (id))
                FOR VALUES FROM ('\(TracePartitions.edge(from))') TO ('\(TracePartitions.edge(from + 86_400_000))')
                """)
        ])
        return Timestamp(microseconds: day * 86_400_000_000)
    }

    @Test func `retention drops a partition that is past, and keeps what is open or dead in it`() async throws {
        try await Self.withDatabase { store, pool in
            let day = try await Self.makeDay(pool, 18_000)
            let noon = day + .seconds(43_200)
            let done = (0..<50).map { _ in Self.trace(at: noon) }
            let kept = [Self.trace(at: noon, .pending), Self.trace(at: noon, .failed, isDead: true)]
            _ = try await store.write(inserts: done + kept, settlements: [])
            #expect(try await Self.count(pool, "traces_day") == 52)

            // Not all of it is past: it stays as it is.
            _ = try await store.deleteTraces(before: noon + .seconds(60), limit: 2000, epoch: 0)
            #expect(try await Self.count(pool, "traces_day") == 52)
            _ = try await store.deleteTraces(before: day + .seconds(86_400), limit: 2000, epoch: 0)

            #expect(try await Self.count(pool, "traces_day") == nil)
            #expect(try await Self.count(pool, "traces") == 2)
            for record in kept { #expect(try await store.trace(record.id) == record) }
            // What was moved aside lives on as before.
            let leased = try await store.lease(
                limit: 10, owner: "me", patience: nil, now: noon + .seconds(1), unserved: [])
            #expect(leased.map(\.id) == [kept[0].id])
        }
    }

    @Test func `who leads no more drops no partition`() async throws {
        try await Self.withDatabase { store, pool in
            let day = try await Self.makeDay(pool, 18_000)
            _ = try await store.write(inserts: [Self.trace(at: day + .seconds(43_200))], settlements: [])
            try await pool.run([PostgresStatement("UPDATE numbers SET value = 5 WHERE name = 'schedule_epoch'")])

            await #expect(throws: StorageFailure.conflict) {
                try await store.deleteTraces(before: day + .seconds(86_400), limit: 2000, epoch: 4)
            }
            #expect(try await Self.count(pool, "traces_day") == 1)
        }
    }

    @Test func `rows that come late or from the future have a place, and move to their partition when it is made`()
        async throws
    {
        try await Self.withDatabase { store, pool in
            let now = Timestamp.now()
            let late = Self.trace(at: Timestamp(microseconds: 86_400_000_000))
            let soon = Self.trace(at: now + .seconds(10 * 86_400))
            let far = Self.trace(at: now + .seconds(20_000 * 86_400))
            let present = Self.trace(at: now)
            _ = try await store.write(inserts: [late, soon, far, present], settlements: [])
            #expect(try await Self.count(pool, "traces_default") == 3)

            // Thirty days a partition: the next ones are wanted now.
            try await TracePartitions(pool: pool, limits: PartitionLimits(hours: 30 * 24)).makeAhead()

            #expect(try await Self.count(pool, "traces_default") == 2)
            for record in [late, soon, far, present] { #expect(try await store.trace(record.id) == record) }
            // The late one is old: it goes by itself, row by row.
            #expect(try await store.deleteTraces(before: now + .seconds(-86_400), limit: 10, epoch: 0) == 1)
            #expect(try await store.trace(late.id) == nil)
        }
    }

    @Test func `nothing is refused where a partition is missing`() async throws {
        try await Self.withDatabase { store, pool in
            let names = try await pool.run([
                PostgresStatement(
                    """
                    SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                    WHERE i.inhparent = 'traces'::regclass AND c.relname <> 'traces_default'
                    """)
            ])[0].map { $0.text(0) }
            #expect(names.count >= 3)
            for name in names { try await pool.run([PostgresStatement("DROP TABLE \(name)")]) }

            let record = Self.trace(at: .now(), .pending)
            _ = try await store.write(inserts: [record], settlements: [])
            #expect(try await Self.count(pool, "traces_default") == 1)
            try await store.prepare()

            #expect(try await Self.count(pool, "traces_default") == 0)
            #expect(try await store.trace(record.id) == record)
        }
    }

    @Test func `a partition can be split by the hash of the channel`() async throws {
        try await Self.withDatabase(PartitionLimits(hours: 24, hashes: 4)) { store, pool in
            let now = Timestamp.now()
            let records = (0..<40).map { number in
                var record = Self.trace(at: now, .pending)
                record.channelID = "channel-\(number)"
                record.owner = "me"
                return record
            }
            _ = try await store.write(inserts: records, settlements: [])
            let used = try await pool.run([PostgresStatement("SELECT DISTINCT tableoid FROM traces")])[0].count
            let refused = try await store.write(
                inserts: [],
                settlements: records.map {
                    TraceSettlement(
                        id: $0.id, owner: "me", epoch: 0, status: .completed, attempt: 1, dueAt: now, completedAt: now)
                })
            try await store.prepare()

            #expect(used == 4)
            #expect(refused.isEmpty)
            #expect(try await store.countTraces(TraceFilter()) == 40)
        }
    }

    @Test func `an installation from before there were partitions keeps every trace`() async throws {
        let url = try RealPostgres.shared().makeDatabase()
        let pool = PostgresPool(url: url)
        try await pool.run(
            ["CREATE TABLE schema_versions (version int8 PRIMARY KEY)", "INSERT INTO schema_versions VALUES (1)"].map {
                PostgresStatement($0)
            } + PostgresSchema.migrations[0].statements.map { PostgresStatement($0) })
        let now = Timestamp.now()
        let old = [
            Self.trace(at: now + .seconds(-30 * 86_400)), Self.trace(at: now, .pending),
            Self.trace(at: now + .seconds(400 * 86_400)),
        ]
        let texts = TraceTexts(PostgresDialect())
        try await pool.run(old.map { PostgresStatement(texts.insert($0)) })

        let store = try await PostgresStore.open(url: url)
        let new = Self.trace(at: .now(), .pending)
        _ = try await store.write(inserts: [new], settlements: [])
        for record in old + [new] { #expect(try await store.trace(record.id) == record) }
        #expect(try await Self.count(pool, "traces_before") == 2 + (try await inFirst(new, pool)))
        let structure = try await store.driver.structure()
        let leased = try await store.lease(
            limit: 10, owner: "me", patience: nil, now: now + .seconds(60), unserved: [])
        await store.close()
        await pool.close()

        #expect(structure.missing == [] && structure.added == [])
        #expect(Set(leased.map(\.id)) == [old[1].id, new.id])
    }

    /// Whether a row fell into what was there before: its hour was not over.
    private func inFirst(_ record: TraceRecord, _ pool: PostgresPool) async throws -> Int64 {
        let statement = PostgresStatement("SELECT count(*) FROM traces_before WHERE id = $1", [.uuid(record.id)])
        return try await pool.run([statement])[0].first?.integer(0) ?? 0
    }

    @Test func `instances that keep partitions at the same time do not disturb each other`() async throws {
        let url = try RealPostgres.shared().makeDatabase()
        await (try PostgresStore.open(url: url)).close()
        let pool = PostgresPool(url: url)
        let limits = (1...6).map { PartitionLimits(hours: $0 * 7) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for limit in limits + limits {
                group.addTask { try? await TracePartitions(pool: pool, limits: limit).makeAhead() }
            }
            try await group.waitForAll()
        }
        // Whatever each of them had time for: one who comes after finds nothing broken, and nothing left to do.
        for limit in limits { try await TracePartitions(pool: pool, limits: limit).makeAhead() }
        let bounds = try await pool.run([
            PostgresStatement(
                """
                SELECT pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = 'traces'::regclass
                """)
        ])[0].map { TracePartitions.span($0.text(0)) }.compactMap { $0 }
        await pool.close()

        #expect(
            PartitionPlan(hours: 42).missing(
                at: UInt64(Timestamp.now().microseconds / 1000), existing: bounds
            ).isEmpty)
    }
}
