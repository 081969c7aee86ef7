import PostgresDriver
package import Storage
package import Vocabulary

extension PostgresStore {
    private static let occurrenceColumns = """
        id, channel_id, channel, scheduled_for, is_manual, status, singleton_key, singleton_slot, attempt, instants,
        first_missed, error, owner, epoch, created_at, started_at, completed_at
        """

    package func openOccurrences() async throws(StorageFailure) -> [OccurrenceRecord] {
        let tables = try await pool.run(
            ["status = 1 AND singleton_slot IS NOT NULL", "status = 0"].map {
                PostgresStatement(
                    """
                    SELECT \(Self.occurrenceColumns) FROM occurrences WHERE \($0)
                    ORDER BY scheduled_for, id LIMIT 10000
                    """)
            }, canRepeat: true)
        return tables.flatMap { $0.map(Self.occurrence) }.sorted {
            ($0.scheduledFor, $0.id) < ($1.scheduledFor, $1.id)
        }
    }

    package func occurrence(_ id: Identifier) async throws(StorageFailure) -> OccurrenceRecord? {
        try await read("SELECT \(Self.occurrenceColumns) FROM occurrences WHERE id = $1", [.uuid(id)]).first.map(
            Self.occurrence)
    }

    private static func conditions(_ filter: OccurrenceFilter) -> Conditions {
        var conditions = Conditions()
        if let id = filter.channelID { conditions.add("channel_id = ?", .text(id)) }
        if let status = filter.status { conditions.add("status = \(status.rawValue)") }
        if let since = filter.since { conditions.add("scheduled_for >= ?", .time(since)) }
        if let until = filter.until { conditions.add("scheduled_for <= ?", .time(until)) }
        return conditions
    }

    package func occurrences(
        _ filter: OccurrenceFilter, limit: Int, offset: Int
    ) async throws(StorageFailure) -> [OccurrenceRecord] {
        var conditions = Self.conditions(filter)
        let bounds =
            "LIMIT \(conditions.place(.integer(Int64(limit)))) OFFSET \(conditions.place(.integer(Int64(offset))))"
        let sql = """
            SELECT \(Self.occurrenceColumns) FROM occurrences\(conditions.text)
            ORDER BY scheduled_for DESC, id DESC \(bounds)
            """
        return try await read(sql, conditions.values).map(Self.occurrence)
    }

    package func countOccurrences(_ filter: OccurrenceFilter) async throws(StorageFailure) -> Int {
        let conditions = Self.conditions(filter)
        let table = try await read("SELECT count(*) FROM occurrences" + conditions.text, conditions.values)
        return Int(table.first?.integer(0) ?? 0)
    }

    private static func occurrence(_ row: PostgresRow) -> OccurrenceRecord {
        OccurrenceRecord(
            id: row.uuid(0), channelID: row.text(1), channel: row.text(2), scheduledFor: row.time(3),
            isManual: row.bool(4),
            status: OccurrenceStatus(rawValue: UInt8(truncatingIfNeeded: row.integer(5))) ?? .failed,
            key: row.text(6), slot: row.optionalInteger(7).map { Int($0) }, attempt: Int(row.integer(8)),
            count: Int(row.integer(9)), firstMissed: row.optionalTime(10), errorMessage: row.text(11),
            owner: row.text(12), epoch: row.integer(13), createdAt: row.time(14), startedAt: row.optionalTime(15),
            completedAt: row.optionalTime(16))
    }
}
