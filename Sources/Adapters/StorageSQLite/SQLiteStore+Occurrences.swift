import SQLiteDriver
package import Storage
package import Vocabulary

extension SQLiteStore {
    package func beginScheduling() async throws(StorageFailure) -> Int64 {
        try await writer.with { connection throws(StorageFailure) in
            try connection.transaction { connection throws(StorageFailure) in
                try connection.run("UPDATE numbers SET value = value + 1 WHERE name = 'schedule_epoch'")
                return try Self.epoch(connection)
            }
        }
    }

    private static func epoch(_ connection: isolated SQLiteConnection) throws(StorageFailure) -> Int64 {
        try connection.query("SELECT value FROM numbers WHERE name = 'schedule_epoch'") { $0.integer(0) }.first ?? 0
    }

    package func scheduleCursors() async throws(StorageFailure) -> [String: Timestamp] {
        try await writer.with { connection throws(StorageFailure) in
            let rows = try connection.query("SELECT channel_id, through FROM schedule_cursors") {
                ($0.text(0), Timestamp(microseconds: $0.integer(1)))
            }
            return Dictionary(rows, uniquingKeysWith: { first, _ in first })
        }
    }

    package func record(
        _ entries: LedgerEntries, epoch: Int64?
    ) async throws(StorageFailure) -> LedgerOutcome {
        try await writer.with { connection throws(StorageFailure) in
            try connection.transaction { connection throws(StorageFailure) in
                if let epoch, try epoch < Self.epoch(connection) { return .fenced }
                // Everything is judged before anything is written: what is refused leaves no trace.
                if try Self.isOvertaken(entries, connection) { return .overtaken }
                for record in entries.claims { try Self.claim(record, connection) }
                var leftOut: Set<Identifier> = []
                for record in entries.inserts where try !Self.insert(record, connection) { leftOut.insert(record.id) }
                for trace in entries.traces where !leftOut.contains(trace.id) {
                    try connection.run("DELETE FROM traces WHERE id = ?1") { $0.identifier(1, trace.id) }
                    try Self.insert(trace, connection)
                }
                for (channelID, through) in entries.cursors {
                    try connection.run("INSERT OR REPLACE INTO schedule_cursors VALUES (?1, ?2)") {
                        $0.text(1, channelID)
                        $0.integer(2, through.microseconds)
                    }
                }
                return .recorded(leftOut: leftOut)
            }
        }
    }

    private static func isOvertaken(
        _ entries: LedgerEntries, _ connection: isolated SQLiteConnection
    ) throws(StorageFailure) -> Bool {
        for record in entries.claims {
            let isPending = try connection.query("SELECT 1 FROM occurrences WHERE id = ?1 AND status = 0") {
                $0.identifier(1, record.id)
            } read: {
                $0.integer(0)
            }
            if isPending.isEmpty { return true }
        }
        for record in entries.claims + entries.inserts where record.status == .claimed {
            guard let slot = record.slot else { continue }
            let holders = try connection.query(
                """
                SELECT 1 FROM occurrences WHERE singleton_key = ?1 AND singleton_slot = ?2 AND status = 1
                AND singleton_slot IS NOT NULL AND id <> ?5 AND NOT EXISTS (
                    SELECT 1 FROM occurrences WHERE channel_id = ?3 AND scheduled_for = ?4 AND id <> ?5)
                """
            ) {
                $0.text(1, record.key)
                $0.integer(2, Int64(slot))
                $0.text(3, record.channelID)
                $0.integer(4, record.scheduledFor.microseconds)
                $0.identifier(5, record.id)
            } read: {
                $0.integer(0)
            }
            if !holders.isEmpty { return true }
        }
        return false
    }

    private static func claim(_ record: OccurrenceRecord, _ connection: isolated SQLiteConnection)
        throws(StorageFailure)
    {
        try connection.run(
            """
            UPDATE occurrences SET status = ?2, singleton_key = ?3, singleton_slot = ?4, error = ?5, owner = ?6,
            epoch = ?7, completed_at = ?8 WHERE id = ?1
            """
        ) {
            $0.identifier(1, record.id)
            $0.integer(2, Int64(record.status.rawValue))
            $0.text(3, record.key)
            $0.integer(4, record.slot.map(Int64.init))
            $0.text(5, record.errorMessage)
            $0.text(6, record.owner)
            $0.integer(7, record.epoch)
            $0.integer(8, record.completedAt?.microseconds)
        }
    }

    /// - Returns: whether its instant was free.
    private static func insert(_ record: OccurrenceRecord, _ connection: isolated SQLiteConnection)
        throws(StorageFailure) -> Bool
    {
        try connection.run(
            """
            INSERT INTO occurrences VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
            ON CONFLICT (channel_id, scheduled_for) DO NOTHING
            """
        ) {
            $0.identifier(1, record.id)
            $0.text(2, record.channelID)
            $0.text(3, record.channel)
            $0.integer(4, record.scheduledFor.microseconds)
            $0.integer(5, record.isManual ? 1 : 0)
            $0.integer(6, Int64(record.status.rawValue))
            $0.text(7, record.key)
            $0.integer(8, record.slot.map(Int64.init))
            $0.integer(9, Int64(record.attempt))
            $0.integer(10, Int64(record.count))
            $0.integer(11, record.firstMissed?.microseconds)
            $0.text(12, record.errorMessage)
            $0.text(13, record.owner)
            $0.integer(14, record.epoch)
            $0.integer(15, record.createdAt.microseconds)
            $0.integer(16, record.startedAt?.microseconds)
            $0.integer(17, record.completedAt?.microseconds)
        } > 0
    }

    /// The run of an occurrence ended, or waits for its next attempt: the ledger says so in the same transaction.
    static func settleOccurrence(
        _ settlement: TraceSettlement, _ connection: isolated SQLiteConnection
    ) throws(StorageFailure) {
        let status: OccurrenceStatus =
            switch settlement.status {
            case .completed: .completed
            case .failed: .failed
            case .pending, .running: .claimed
            }
        try connection.run(
            """
            UPDATE occurrences SET status = ?2, error = ?3, attempt = ?4, started_at = ?5, completed_at = ?6
            WHERE id = ?1
            """
        ) {
            $0.identifier(1, settlement.id)
            $0.integer(2, Int64(status.rawValue))
            $0.text(3, settlement.errorMessage)
            $0.integer(4, Int64(settlement.attempt))
            $0.integer(5, settlement.startedAt?.microseconds)
            $0.integer(6, settlement.completedAt?.microseconds)
        }
    }

    /// Its dead letter was sent back to the queue: it runs whatever else does.
    static func requeueOccurrence(_ id: Identifier, _ connection: isolated SQLiteConnection) throws(StorageFailure) {
        try connection.run(
            """
            UPDATE occurrences SET status = 1, singleton_slot = NULL, error = '', completed_at = NULL
            WHERE id = ?1 AND status = 3
            """
        ) { $0.identifier(1, id) }
    }

    package func moveOccurrence(
        _ id: Identifier, from: [OccurrenceStatus], to status: OccurrenceStatus, at now: Timestamp
    ) async throws(StorageFailure) -> Bool {
        let allowed = from.map { String($0.rawValue) }.joined(separator: ",")
        return try await writer.with { connection throws(StorageFailure) in
            try connection.transaction { connection throws(StorageFailure) in
                let moved = try connection.run(
                    """
                    UPDATE occurrences SET status = ?2, singleton_slot = NULL, error = '', completed_at = ?3
                    WHERE id = ?1 AND status IN (\(allowed))
                    """
                ) {
                    $0.identifier(1, id)
                    $0.integer(2, Int64(status.rawValue))
                    $0.integer(3, status == .pending ? nil : now.microseconds)
                }
                if moved > 0, status == .pending {
                    try connection.run("DELETE FROM traces WHERE id = ?1") { $0.identifier(1, id) }
                }
                return moved > 0
            }
        }
    }

    package func deleteOccurrences(before: Timestamp, limit: Int) async throws(StorageFailure) -> Int {
        try await writer.with { connection throws(StorageFailure) in
            try connection.run(
                """
                DELETE FROM occurrences WHERE id IN (
                    SELECT id FROM occurrences WHERE scheduled_for < ?1 AND status <> 1 ORDER BY scheduled_for LIMIT ?2)
                """
            ) {
                $0.integer(1, before.microseconds)
                $0.integer(2, Int64(limit))
            }
        }
    }

    package func deleteOccurrences(keeping: Int, limit: Int) async throws(StorageFailure) -> Int {
        try await writer.with { connection throws(StorageFailure) in
            try connection.run(
                """
                DELETE FROM occurrences WHERE id IN (
                    SELECT id FROM occurrences WHERE status > 1 AND scheduled_for <= (
                        SELECT scheduled_for FROM occurrences ORDER BY scheduled_for DESC LIMIT 1 OFFSET ?1)
                    ORDER BY scheduled_for LIMIT ?2)
                """
            ) {
                $0.integer(1, Int64(keeping))
                $0.integer(2, Int64(limit))
            }
        }
    }
}
