import PostgresDriver
package import Storage
package import Vocabulary

extension PostgresStore {
    package func beginScheduling() async throws(StorageFailure) -> Int64 {
        let sql = "UPDATE numbers SET value = value + 1 WHERE name = 'schedule_epoch' RETURNING value"
        return try await pool.run([PostgresStatement(sql)])[0].first?.integer(0) ?? 0
    }

    package func scheduleCursors() async throws(StorageFailure) -> [String: Timestamp] {
        let rows = try await read("SELECT channel_id, through FROM schedule_cursors").map { ($0.text(0), $0.time(1)) }
        return Dictionary(rows, uniquingKeysWith: { first, _ in first })
    }

    /// Writers of the ledger come one after the other: each holds the row of the epoch until it has committed.
    package func record(_ entries: LedgerEntries, epoch: Int64?) async throws(StorageFailure) -> LedgerOutcome {
        try await pool.transaction { transaction throws(StorageFailure) in
            let sql = "SELECT value FROM numbers WHERE name = 'schedule_epoch' FOR UPDATE"
            let newest = try await transaction.run([PostgresStatement(sql)])[0].first?.integer(0) ?? 0
            if let epoch, epoch < newest { return .fenced }
            // Everything is judged before anything is written: what is refused leaves no trace.
            let pending = entries.claims.map {
                PostgresStatement("SELECT 1 FROM occurrences WHERE id = $1 AND status = 0", [.uuid($0.id)])
            }
            guard try await transaction.run(pending).allSatisfy({ $0.count == 1 }) else { return .overtaken }
            let holders = (entries.claims + entries.inserts).compactMap(Self.holder)
            guard try await transaction.run(holders).allSatisfy({ $0.count == 0 }) else { return .overtaken }
            let written = try await transaction.run(
                entries.claims.map(Self.claim) + entries.inserts.map(Self.insert))
            let inserted = zip(entries.inserts, written.dropFirst(entries.claims.count))
            let leftOut = Set(inserted.filter { $1.affected == 0 }.map { $0.0.id })
            var statements: [PostgresStatement] = []
            for trace in entries.traces where !leftOut.contains(trace.id) {
                statements.append(PostgresStatement("DELETE FROM traces WHERE id = $1", [.uuid(trace.id)]))
                statements.append(Self.insert(trace))
            }
            for (channelID, through) in entries.cursors {
                statements.append(
                    PostgresStatement(
                        """
                        INSERT INTO schedule_cursors VALUES ($1, $2)
                        ON CONFLICT (channel_id) DO UPDATE SET through = $2
                        """, [.text(channelID), .time(through)]))
            }
            try await transaction.run(statements)
            return .recorded(leftOut: leftOut)
        }
    }

    /// Brings a row if somebody else holds the slot that this one is to have.
    private static func holder(_ record: OccurrenceRecord) -> PostgresStatement? {
        guard record.status == .claimed, let slot = record.slot else { return nil }
        return PostgresStatement(
            """
            SELECT 1 FROM occurrences WHERE singleton_key = $1 AND singleton_slot = $2 AND status = 1
            AND singleton_slot IS NOT NULL AND id <> $5 AND NOT EXISTS (
                SELECT 1 FROM occurrences WHERE channel_id = $3 AND scheduled_for = $4 AND id <> $5)
            """,
            [
                .text(record.key), .integer(Int64(slot)), .text(record.channelID), .time(record.scheduledFor),
                .uuid(record.id),
            ])
    }

    private static func claim(_ record: OccurrenceRecord) -> PostgresStatement {
        PostgresStatement(
            """
            UPDATE occurrences SET status = $2, singleton_key = $3, singleton_slot = $4, error = $5, owner = $6,
            epoch = $7, completed_at = $8 WHERE id = $1
            """,
            [
                .uuid(record.id), .integer(Int64(record.status.rawValue)), .text(record.key),
                .integer(record.slot.map(Int64.init)), .text(record.errorMessage), .text(record.owner),
                .integer(record.epoch), .time(record.completedAt),
            ])
    }

    /// Changes nothing where its instant is taken.
    private static func insert(_ record: OccurrenceRecord) -> PostgresStatement {
        PostgresStatement(
            """
            INSERT INTO occurrences VALUES
            ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
            ON CONFLICT (channel_id, scheduled_for) DO NOTHING
            """,
            [
                .uuid(record.id), .text(record.channelID), .text(record.channel), .time(record.scheduledFor),
                .bool(record.isManual), .integer(Int64(record.status.rawValue)), .text(record.key),
                .integer(record.slot.map(Int64.init)), .integer(Int64(record.attempt)), .integer(Int64(record.count)),
                .time(record.firstMissed), .text(record.errorMessage), .text(record.owner), .integer(record.epoch),
                .time(record.createdAt), .time(record.startedAt), .time(record.completedAt),
            ])
    }

    package func moveOccurrence(
        _ id: Identifier, from: [OccurrenceStatus], to status: OccurrenceStatus, at now: Timestamp
    ) async throws(StorageFailure) -> Bool {
        let allowed = from.map { String($0.rawValue) }.joined(separator: ",")
        guard !allowed.isEmpty else { return false }
        let isAnew = status == .pending
        let sql = """
            WITH moved AS (
                UPDATE occurrences SET status = $2, singleton_slot = NULL, error = '', completed_at = $3
                WHERE id = $1 AND status IN (\(allowed)) RETURNING id)
            \(isAnew ? ", gone AS (DELETE FROM traces WHERE id IN (SELECT id FROM moved))" : "")
            SELECT count(*) FROM moved
            """
        let values: [PostgresValue] = [.uuid(id), .integer(Int64(status.rawValue)), .time(isAnew ? nil : now)]
        return try await pool.run([PostgresStatement(sql, values)])[0].first?.integer(0) == 1
    }

    package func deleteOccurrences(before: Timestamp, limit: Int) async throws(StorageFailure) -> Int {
        try await change(
            """
            DELETE FROM occurrences WHERE id IN (
                SELECT id FROM occurrences WHERE scheduled_for < $1 AND status <> 1 ORDER BY scheduled_for LIMIT $2)
            """, [.time(before), .integer(Int64(limit))])
    }

    package func deleteOccurrences(keeping: Int, limit: Int) async throws(StorageFailure) -> Int {
        try await change(
            """
            DELETE FROM occurrences WHERE id IN (
                SELECT id FROM occurrences WHERE status > 1 AND scheduled_for <= (
                    SELECT scheduled_for FROM occurrences ORDER BY scheduled_for DESC LIMIT 1 OFFSET $1)
                ORDER BY scheduled_for LIMIT $2)
            """, [.integer(Int64(keeping)), .integer(Int64(limit))])
    }
}
