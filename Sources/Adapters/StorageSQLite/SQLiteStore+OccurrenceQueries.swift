import SQLiteDriver
package import Storage
package import Vocabulary

extension SQLiteStore {
    /// Read where it is written: a decision must not be taken on what was true before the last commit.
    package func openOccurrences() async throws(StorageFailure) -> [OccurrenceRecord] {
        try await writer.with { connection throws(StorageFailure) in
            // The small partial indexes, by name: the planner would rather walk the whole ledger in order.
            let held = try connection.query(
                """
                SELECT * FROM occurrences INDEXED BY occurrences_slot
                WHERE status = 1 AND singleton_slot IS NOT NULL LIMIT 10000
                """
            ) { Self.occurrence($0) }
            let pending = try connection.query(
                """
                SELECT * FROM occurrences INDEXED BY occurrences_pending WHERE status = 0
                ORDER BY scheduled_for, id LIMIT 10000
                """
            ) { Self.occurrence($0) }
            return (held + pending).sorted { ($0.scheduledFor, $0.id) < ($1.scheduledFor, $1.id) }
        }
    }

    package func occurrence(_ id: Identifier) async throws(StorageFailure) -> OccurrenceRecord? {
        try await reader.with { connection throws(StorageFailure) in
            try connection.query("SELECT * FROM occurrences WHERE id = ?1") {
                $0.identifier(1, id)
            } read: {
                Self.occurrence($0)
            }.first
        }
    }

    /// Only the conditions that are asked for, so that the indexes serve; values are bound.
    private static func condition(_ filter: OccurrenceFilter) -> String {
        var parts: [String] = []
        if filter.channelID != nil { parts.append("channel_id = ?1") }
        if let status = filter.status { parts.append("status = \(status.rawValue)") }
        if filter.since != nil { parts.append("scheduled_for >= ?2") }
        if filter.until != nil { parts.append("scheduled_for <= ?3") }
        return parts.isEmpty ? "" : " WHERE " + parts.joined(separator: " AND ")
    }

    private static func bind(_ filter: OccurrenceFilter, _ binding: SQLiteBinding) {
        binding.text(1, filter.channelID ?? "")
        binding.integer(2, filter.since?.microseconds)
        binding.integer(3, filter.until?.microseconds)
    }

    package func occurrences(
        _ filter: OccurrenceFilter, limit: Int, offset: Int
    ) async throws(StorageFailure) -> [OccurrenceRecord] {
        let sql =
            "SELECT * FROM occurrences\(Self.condition(filter)) ORDER BY scheduled_for DESC, id DESC LIMIT ?4 OFFSET ?5"
        return try await reader.with { connection throws(StorageFailure) in
            try connection.query(sql) {
                Self.bind(filter, $0)
                $0.integer(4, Int64(limit))
                $0.integer(5, Int64(offset))
            } read: {
                Self.occurrence($0)
            }
        }
    }

    package func countOccurrences(_ filter: OccurrenceFilter) async throws(StorageFailure) -> Int {
        try await reader.with { connection throws(StorageFailure) in
            Int(
                try connection.query("SELECT count(*) FROM occurrences" + Self.condition(filter)) {
                    Self.bind(filter, $0)
                } read: {
                    $0.integer(0)
                }.first ?? 0)
        }
    }

    private static func occurrence(_ row: SQLiteRow) -> OccurrenceRecord {
        OccurrenceRecord(
            id: Identifier(bytes: row.bytes(0)), channelID: row.text(1), channel: row.text(2),
            scheduledFor: Timestamp(microseconds: row.integer(3)), isManual: row.integer(4) != 0,
            status: OccurrenceStatus(rawValue: UInt8(row.integer(5))) ?? .failed, key: row.text(6),
            slot: row.optionalInteger(7).map { Int($0) }, attempt: Int(row.integer(8)), count: Int(row.integer(9)),
            firstMissed: row.optionalInteger(10).map(Timestamp.init(microseconds:)), errorMessage: row.text(11),
            owner: row.text(12), epoch: row.integer(13), createdAt: Timestamp(microseconds: row.integer(14)),
            startedAt: row.optionalInteger(15).map(Timestamp.init(microseconds:)),
            completedAt: row.optionalInteger(16).map(Timestamp.init(microseconds:)))
    }
}
