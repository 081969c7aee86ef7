import PostgresDriver
import Storage
import StorageSQL
import Vocabulary

/// The partitions of the traces: made ahead of time, and dropped as a whole when all in them is past.
///
/// What no partition is for goes into `traces_default`: nothing is refused because a partition is missing. Instances may
/// do this at the same time; a lock in the database lets one after the other.
struct TracePartitions {
    let pool: PostgresPool
    let limits: PartitionLimits

    /// More open and dead traces than that are not moved aside: the partition waits for them.
    private static let mostKept: Int64 = 10_000
    /// The number means nothing.
    private static let lock = PostgresStatement("SELECT pg_advisory_xact_lock($1)", [.integer(0x7765_6970)])
    /// Requests wait behind whoever waits for a table: better another time than long.
    private static let patience = PostgresStatement("SET LOCAL lock_timeout = '2s'")

    private struct Partition {
        var name: String
        var span: PartitionPlan.Span
        /// On another server: somebody put it there, and takes it away.
        var isForeign: Bool
    }

    /// Makes the partitions of the present and of the next days, as the database sees the time.
    func makeAhead() async throws(StorageFailure) {
        let found = try await look()
        let plan = PartitionPlan(hours: limits.hours)
        for span in plan.missing(at: found.now, existing: found.partitions.map(\.span)) { try await make(span) }
    }

    /// What lies in the default partition and belongs to the new one is moved over with it.
    private func make(_ span: PartitionPlan.Span) async throws(StorageFailure) {
        let name = Self.name(span)
        let (low, high) = (Self.edge(span.from), Self.edge(span.until))
        let isSplit = limits.hashes > 1
        var statements = [
            "LOCK TABLE traces_default IN SHARE ROW EXCLUSIVE MODE",
            """
            CREATE TABLE \(name) (
                LIKE traces INCLUDING DEFAULTS INCLUDING CONSTRAINTS\(isSplit ? "" : ", PRIMARY KEY (id)"))
            \(isSplit ? "PARTITION BY HASH (channel_id)" : "")
            """,
        ]
        for place in 0..<(isSplit ? limits.hashes : 0) {
            statements.append(
                """
                CREATE TABLE \(name)_\(place) PARTITION OF \(name) (PRIMARY KEY (id))
                FOR VALUES WITH (MODULUS \(limits.hashes), REMAINDER \(place))
                """)
        }
        statements += [
            """
            WITH moved AS (DELETE FROM traces_default WHERE id >= '\(low)' AND id < '\(high)' RETURNING *)
            INSERT INTO \(name) SELECT * FROM moved
            """,
            "ALTER TABLE traces ATTACH PARTITION \(name) FOR VALUES FROM ('\(low)') TO ('\(high)')",
        ]
        let making = statements.map { PostgresStatement($0) }
        try await pool.transaction { transaction throws(StorageFailure) in
            let known = PostgresStatement("SELECT to_regclass($1) IS NOT NULL", [.text(name)])
            // Another instance may have been here first.
            guard try await transaction.run([Self.patience, Self.lock, known])[2].first?.bool(0) == false else {
                return
            }
            try await transaction.run(making)
        }
    }

    /// Drops the partitions whose time is past; open and dead traces in them move to the default partition.
    /// - Returns: how many rows went, as far as the statistics know.
    func drop(below id: Identifier, given fence: StoreFence) async throws(StorageFailure) -> Int {
        let found = try await look()
        let past = Set(
            PartitionPlan(hours: limits.hours).past(id.high >> 16, existing: found.partitions.map(\.span)))
        var gone = 0
        for partition in found.partitions where !partition.isForeign && past.contains(partition.span) {
            gone += try await drop(partition.name, fence)
        }
        return gone
    }

    private func drop(_ name: String, _ fence: StoreFence) async throws(StorageFailure) -> Int {
        let kept = "status < 2 OR is_dead"
        let (open, dead) = (
            "SELECT count(*) FROM \(name) WHERE status < 2", "SELECT count(*) FROM \(name) WHERE is_dead"
        )
        let size = """
            SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::int8 FROM pg_partition_tree('\(name)') t
            JOIN pg_class c ON c.oid = t.relid WHERE t.isleaf
            """
        return try await pool.transaction { transaction throws(StorageFailure) in
            let there = PostgresStatement(
                "SELECT 1 FROM pg_inherits WHERE inhparent = 'traces'::regclass AND inhrelid = to_regclass($1)",
                [.text(name)])
            let look = PostgresStatement(fence.look)
            let found = try await transaction.run([Self.patience, Self.lock, look, there])
            try fence.check(found[2])
            guard found[3].count == 1 else { return 0 }
            let counts = try await transaction.run([open, dead, size].map { PostgresStatement($0) }).map {
                $0.first?.integer(0) ?? 0
            }
            guard counts[0] + counts[1] <= Self.mostKept else { return 0 }
            try await transaction.run(
                [
                    "ALTER TABLE traces DETACH PARTITION \(name)",
                    "INSERT INTO traces SELECT * FROM \(name) WHERE \(kept)", "DROP TABLE \(name)",
                ].map { PostgresStatement($0) })
            return Int(max(0, counts[2] - counts[0] - counts[1]))
        }
    }

    private func look() async throws(StorageFailure) -> (now: UInt64, partitions: [Partition]) {
        let tables = try await pool.run(
            [
                PostgresStatement("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8"),
                PostgresStatement(
                    """
                    SELECT c.relname::text, pg_get_expr(c.relpartbound, c.oid), c.relkind = 'f' FROM pg_inherits i
                    JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'traces'::regclass
                    """),
            ], canRepeat: true)
        let partitions = tables[1].map { row -> Partition? in
            Self.span(row.text(1)).map { Partition(name: row.text(0), span: $0, isForeign: row.bool(2)) }
        }
        return (
            UInt64(tables[0].first?.integer(0) ?? 0),
            partitions.compactMap { $0 }.sorted { $0.span.from < $1.span.from }
        )
    }

    // MARK: Names and bounds

    /// `traces_20260131000000`.
    static func name(_ span: PartitionPlan.Span) -> String {
        let text = Timestamp(microseconds: Int64(clamping: span.from) * 1000).rfc3339
        return "traces_" + text.prefix(19).filter(\.isNumber)
    }

    /// The lowest identifier of a time.
    static func edge(_ milliseconds: UInt64) -> Identifier { Identifier(high: milliseconds << 16, low: 0) }

    /// Reads `FOR VALUES FROM ('…') TO ('…')`; nil for the default partition.
    static func span(_ bound: String) -> PartitionPlan.Span? {
        guard bound.contains(" TO ") else { return nil }
        let ends = bound.split(separator: "'").compactMap { Identifier($0) }.map { $0.high >> 16 }
        guard let until = ends.last else { return nil }
        return PartitionPlan.Span(from: bound.contains("MINVALUE") ? 0 : ends[0], until: until)
    }
}
