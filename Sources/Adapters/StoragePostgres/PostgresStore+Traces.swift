import PostgresDriver
package import Storage
package import Vocabulary

extension PostgresStore {
    static let traceColumns = """
        id, channel_id, channel, mode, status, input, result, steps, error, token_hash, attempt, is_dead, owner, epoch,
        due_at, created_at, started_at, completed_at, traceparent
        """

    /// One pipelined batch, and so one transaction and one sync to disk for all of them.
    package func write(
        inserts: [TraceRecord], settlements: [TraceSettlement]
    ) async throws(StorageFailure) -> [Identifier] {
        guard !inserts.isEmpty || !settlements.isEmpty else { return [] }
        let tables = try await pool.run(inserts.map(Self.insert) + settlements.map(Self.settle))
        return zip(settlements, tables.dropFirst(inserts.count)).compactMap { settlement, table in
            table.first?.integer(0) == 0 ? settlement.id : nil
        }
    }

    static func insert(_ record: TraceRecord) -> PostgresStatement {
        PostgresStatement(
            """
            INSERT INTO traces (\(traceColumns)) VALUES
            ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
            """,
            [
                .uuid(record.id), .text(record.channelID), .text(record.channel),
                .integer(Int64(record.mode.rawValue)), .integer(Int64(record.status.rawValue)), .bytes(record.input),
                .bytes(record.result), .bytes(record.steps), .text(record.errorMessage), .bytes(record.tokenHash),
                .integer(Int64(record.attempt)), .bool(record.isDead), .text(record.owner), .integer(record.epoch),
                .time(record.dueAt), .time(record.createdAt), .time(record.startedAt), .time(record.completedAt),
                .text(record.traceparent),
            ])
    }

    /// A row that goes back to wait has no owner any more. Answers how many rows it settled. The occurrence of a run of
    /// a schedule is settled with it.
    private static func settle(_ settlement: TraceSettlement) -> PostgresStatement {
        let update = """
            WITH settled AS (
                UPDATE traces SET status = $4, result = $5, steps = $6, error = $7, attempt = $8, is_dead = $9,
                input = CASE WHEN $10 THEN input ELSE '' END, due_at = $11, started_at = $12, completed_at = $13,
                owner = CASE WHEN $4 = 0 THEN '' ELSE owner END
                WHERE id = $1 AND owner = $2 AND epoch = $3 AND status < 2 RETURNING id)
            """
        let occurrence = """
            , told AS (
                UPDATE occurrences SET status = $14, error = $7, attempt = $8, started_at = $12, completed_at = $13
                WHERE id IN (SELECT id FROM settled))
            """
        let isScheduled = settlement.mode == .cron
        let occurrenceStatus: OccurrenceStatus =
            switch settlement.status {
            case .completed: .completed
            case .failed: .failed
            case .pending, .running: .claimed
            }
        return PostgresStatement(
            update + (isScheduled ? occurrence : "") + " SELECT count(*) FROM settled",
            [
                .uuid(settlement.id), .text(settlement.owner), .integer(settlement.epoch),
                .integer(Int64(settlement.status.rawValue)), .bytes(settlement.result), .bytes(settlement.steps),
                .text(settlement.errorMessage), .integer(Int64(settlement.attempt)), .bool(settlement.isDead),
                .bool(settlement.keepsInput), .time(settlement.dueAt), .time(settlement.startedAt),
                .time(settlement.completedAt),
            ] + (isScheduled ? [.integer(Int64(occurrenceStatus.rawValue))] : []))
    }

    /// What another instance is about to take is passed over, not waited for.
    package func lease(
        limit: Int, owner: String, alive: [String], now: Timestamp
    ) async throws(StorageFailure) -> [TraceRecord] {
        let columns = Self.traceColumns.split(separator: ",").map { "t." + $0.drop { $0 == " " || $0 == "\n" } }
        let sql = """
            WITH picked AS (
                SELECT id FROM traces WHERE status < 2 AND due_at <= $1 AND owner <> ALL ($2)
                ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
            UPDATE traces t SET owner = $4, epoch = t.epoch + 1, status = 0,
            attempt = t.attempt + CASE WHEN t.status = 1 THEN 1 ELSE 0 END
            FROM picked WHERE t.id = picked.id RETURNING \(columns.joined(separator: ", "))
            """
        let values: [PostgresValue] = [.time(now), .texts(alive), .integer(Int64(limit)), .text(owner)]
        let taken = try await pool.run([PostgresStatement(sql, values)])[0].map(Self.record)
        return taken.sorted { ($0.dueAt, $0.id) < ($1.dueAt, $1.id) }
    }

    static func record(_ row: PostgresRow) -> TraceRecord {
        TraceRecord(
            id: row.uuid(0), channelID: row.text(1), channel: row.text(2),
            mode: TraceMode(rawValue: UInt8(truncatingIfNeeded: row.integer(3))) ?? .sync,
            status: TraceStatus(rawValue: UInt8(truncatingIfNeeded: row.integer(4))) ?? .failed, input: row.bytes(5),
            result: row.bytes(6), steps: row.bytes(7), errorMessage: row.text(8), tokenHash: row.bytes(9),
            attempt: Int(row.integer(10)), isDead: row.bool(11), owner: row.text(12), epoch: row.integer(13),
            dueAt: row.time(14), createdAt: row.time(15), startedAt: row.optionalTime(16),
            completedAt: row.optionalTime(17), traceparent: row.text(18))
    }
}
