import SQLiteDriver
package import Storage
package import Vocabulary

extension SQLiteStore {
    package func write(
        inserts: [TraceRecord], settlements: [TraceSettlement]
    ) async throws(StorageFailure) -> [Identifier] {
        try await writer.with { connection throws(StorageFailure) in
            try connection.transaction { connection throws(StorageFailure) in
                for record in inserts { try Self.insert(record, connection) }
                var refused: [Identifier] = []
                for settlement in settlements {
                    if try Self.apply(settlement, connection) == 0 {
                        refused.append(settlement.id)
                    } else if settlement.mode == .cron {
                        try Self.settleOccurrence(settlement, connection)
                    }
                }
                return refused
            }
        }
    }

    static func insert(_ record: TraceRecord, _ connection: isolated SQLiteConnection) throws(StorageFailure) {
        try connection.run(
            """
            INSERT INTO traces VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
            """
        ) {
            $0.identifier(1, record.id)
            $0.text(2, record.channelID)
            $0.text(3, record.channel)
            $0.integer(4, Int64(record.mode.rawValue))
            $0.integer(5, Int64(record.status.rawValue))
            $0.bytes(6, record.input)
            $0.bytes(7, record.result)
            $0.bytes(8, record.steps)
            $0.text(9, record.errorMessage)
            $0.bytes(10, record.tokenHash)
            $0.integer(11, Int64(record.attempt))
            $0.integer(12, record.isDead ? 1 : 0)
            $0.text(13, record.owner)
            $0.integer(14, record.epoch)
            $0.integer(15, record.dueAt.microseconds)
            $0.integer(16, record.createdAt.microseconds)
            $0.integer(17, record.startedAt?.microseconds)
            $0.integer(18, record.completedAt?.microseconds)
            $0.text(19, record.traceparent)
        }
    }

    /// A row that goes back to wait has no owner any more.
    private static func apply(
        _ settlement: TraceSettlement, _ connection: isolated SQLiteConnection
    ) throws(StorageFailure) -> Int {
        try connection.run(
            """
            UPDATE traces SET status = ?4, result = ?5, steps = ?6, error = ?7, attempt = ?8, is_dead = ?9,
            input = CASE WHEN ?10 THEN input ELSE x'' END, due_at = ?11, started_at = ?12, completed_at = ?13,
            owner = CASE WHEN ?4 = 0 THEN '' ELSE owner END
            WHERE id = ?1 AND owner = ?2 AND epoch = ?3 AND status < 2
            """
        ) {
            $0.identifier(1, settlement.id)
            $0.text(2, settlement.owner)
            $0.integer(3, settlement.epoch)
            $0.integer(4, Int64(settlement.status.rawValue))
            $0.bytes(5, settlement.result)
            $0.bytes(6, settlement.steps)
            $0.text(7, settlement.errorMessage)
            $0.integer(8, Int64(settlement.attempt))
            $0.integer(9, settlement.isDead ? 1 : 0)
            $0.integer(10, settlement.keepsInput ? 1 : 0)
            $0.integer(11, settlement.dueAt.microseconds)
            $0.integer(12, settlement.startedAt?.microseconds)
            $0.integer(13, settlement.completedAt?.microseconds)
        }
    }

    package func lease(
        limit: Int, owner: String, alive: [String], now: Timestamp
    ) async throws(StorageFailure) -> [TraceRecord] {
        try await writer.with { connection throws(StorageFailure) in
            try connection.transaction { connection throws(StorageFailure) in
                let names = alive.map { "'" + $0.filter { $0.isLetter || $0.isNumber || $0 == "-" } + "'" }
                let ids = try connection.query(
                    """
                    SELECT id FROM traces WHERE status < 2 AND due_at <= ?1
                    AND owner NOT IN (\(names.joined(separator: ","))) ORDER BY due_at LIMIT ?2
                    """
                ) {
                    $0.integer(1, now.microseconds)
                    $0.integer(2, Int64(limit))
                } read: {
                    $0.bytes(0)
                }
                var leased: [TraceRecord] = []
                for id in ids {
                    try connection.run(
                        """
                        UPDATE traces SET owner = ?2, epoch = epoch + 1, attempt = attempt + (status = 1), status = 0
                        WHERE id = ?1
                        """
                    ) {
                        $0.bytes(1, id)
                        $0.text(2, owner)
                    }
                    leased += try connection.query("SELECT * FROM traces WHERE id = ?1") {
                        $0.bytes(1, id)
                    } read: {
                        Self.record($0)
                    }
                }
                return leased
            }
        }
    }

    static func record(_ row: SQLiteRow) -> TraceRecord {
        TraceRecord(
            id: Identifier(bytes: row.bytes(0)), channelID: row.text(1), channel: row.text(2),
            mode: TraceMode(rawValue: UInt8(row.integer(3))) ?? .sync,
            status: TraceStatus(rawValue: UInt8(row.integer(4))) ?? .failed, input: row.bytes(5), result: row.bytes(6),
            steps: row.bytes(7), errorMessage: row.text(8), tokenHash: row.bytes(9), attempt: Int(row.integer(10)),
            isDead: row.integer(11) != 0, owner: row.text(12), epoch: row.integer(13),
            dueAt: Timestamp(microseconds: row.integer(14)), createdAt: Timestamp(microseconds: row.integer(15)),
            startedAt: row.optionalInteger(16).map(Timestamp.init(microseconds:)),
            completedAt: row.optionalInteger(17).map(Timestamp.init(microseconds:)), traceparent: row.text(18))
    }
}
