import SQLiteDriver
package import Storage
package import Vocabulary

extension SQLiteStore {
    package func appendAudit(_ records: [AuditRecord]) async throws(StorageFailure) {
        try await writer.with { connection throws(StorageFailure) in
            try connection.transaction { connection throws(StorageFailure) in
                for record in records { try Self.insert(record, connection) }
            }
        }
    }

    static func insert(_ record: AuditRecord, _ connection: isolated SQLiteConnection) throws(StorageFailure) {
        try connection.run("INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)") {
            $0.identifier(1, record.id)
            $0.text(2, record.principal)
            $0.text(3, record.action)
            $0.text(4, record.resourceType)
            $0.text(5, record.resourceID)
            $0.bytes(6, record.details)
            $0.integer(7, record.createdAt.microseconds)
        }
    }

    /// Empty parameters match everything.
    private static let matching = """
        WHERE (?1 = '' OR action = ?1) AND (?2 = '' OR resource_type = ?2) AND (?3 = '' OR resource_id = ?3)
        AND (?4 = '' OR principal = ?4) AND created_at >= ?5 AND created_at <= ?6
        """

    private static func bind(_ filter: AuditFilter, _ binding: SQLiteBinding) {
        binding.text(1, filter.action ?? "")
        binding.text(2, filter.resourceType ?? "")
        binding.text(3, filter.resourceID ?? "")
        binding.text(4, filter.principal ?? "")
        binding.integer(5, filter.from?.microseconds ?? .min)
        binding.integer(6, filter.until?.microseconds ?? .max)
    }

    package func auditLog(
        _ filter: AuditFilter, limit: Int, offset: Int
    ) async throws(StorageFailure) -> (records: [AuditRecord], total: Int) {
        try await reader.with { connection throws(StorageFailure) in
            let total = try connection.query("SELECT count(*) FROM audit " + Self.matching) {
                Self.bind(filter, $0)
            } read: {
                $0.integer(0)
            }
            let records = try connection.query(
                "SELECT * FROM audit " + Self.matching + " ORDER BY id DESC LIMIT ?7 OFFSET ?8"
            ) {
                Self.bind(filter, $0)
                $0.integer(7, Int64(limit))
                $0.integer(8, Int64(offset))
            } read: { row in
                AuditRecord(
                    id: Identifier(bytes: row.bytes(0)), principal: row.text(1), action: row.text(2),
                    resourceType: row.text(3), resourceID: row.text(4), details: row.bytes(5),
                    createdAt: Timestamp(microseconds: row.integer(6)))
            }
            return (records, Int(total.first ?? 0))
        }
    }

    package func deleteAudit(before: Timestamp) async throws(StorageFailure) -> Int {
        try await writer.with { connection throws(StorageFailure) in
            try connection.run("DELETE FROM audit WHERE created_at < ?1") { $0.integer(1, before.microseconds) }
        }
    }
}
