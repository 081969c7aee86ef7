import PostgresDriver
package import Storage
package import Vocabulary

extension PostgresStore {
    package func appendAudit(_ records: [AuditRecord]) async throws(StorageFailure) {
        _ = try await pool.run(records.map(Self.insert))
    }

    static func insert(_ record: AuditRecord) -> PostgresStatement {
        PostgresStatement(
            "INSERT INTO audit VALUES ($1, $2, $3, $4, $5, $6, $7)",
            [
                .uuid(record.id), .text(record.principal), .text(record.action), .text(record.resourceType),
                .text(record.resourceID), .bytes(record.details), .time(record.createdAt),
            ])
    }

    package func auditLog(
        _ filter: AuditFilter, limit: Int, offset: Int
    ) async throws(StorageFailure) -> (records: [AuditRecord], total: Int) {
        var conditions = Conditions()
        if let action = filter.action { conditions.add("action = ?", .text(action)) }
        if let type = filter.resourceType { conditions.add("resource_type = ?", .text(type)) }
        if let id = filter.resourceID { conditions.add("resource_id = ?", .text(id)) }
        if let principal = filter.principal { conditions.add("principal = ?", .text(principal)) }
        if let from = filter.from { conditions.add("created_at >= ?", .time(from)) }
        if let until = filter.until { conditions.add("created_at <= ?", .time(until)) }
        let count = PostgresStatement("SELECT count(*) FROM audit" + conditions.text, conditions.values)
        let bounds =
            "LIMIT \(conditions.place(.integer(Int64(limit)))) OFFSET \(conditions.place(.integer(Int64(offset))))"
        let list = PostgresStatement(
            """
            SELECT id, principal, action, resource_type, resource_id, details, created_at
            FROM audit\(conditions.text) ORDER BY id DESC \(bounds)
            """, conditions.values)
        let tables = try await pool.run([count, list], canRepeat: true)
        let records = tables[1].map { row in
            AuditRecord(
                id: row.uuid(0), principal: row.text(1), action: row.text(2), resourceType: row.text(3),
                resourceID: row.text(4), details: row.bytes(5), createdAt: row.time(6))
        }
        return (records, Int(tables[0].first?.integer(0) ?? 0))
    }

    package func deleteAudit(before: Timestamp) async throws(StorageFailure) -> Int {
        try await change("DELETE FROM audit WHERE created_at < $1", [.time(before)])
    }
}
