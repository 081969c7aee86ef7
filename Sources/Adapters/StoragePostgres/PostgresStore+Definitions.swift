import PostgresDriver
package import Storage
import Vocabulary

extension PostgresStore {
    package func loadDefinitions() async throws(StorageFailure) -> DefinitionSnapshot {
        // One statement, one snapshot: the generation belongs to the rows.
        let table = try await read(
            """
            SELECT n.value, d.kind, d.id, d.version, d.status, d.rollout, d.body, d.content_hash, d.created_at,
            d.updated_at FROM numbers n LEFT JOIN definitions d ON true WHERE n.name = 'generation'
            ORDER BY d.kind, d.id COLLATE "C", d.version
            """)
        let records = table.map { row -> DefinitionRecord? in
            guard row.optionalInteger(3) != nil else { return nil }
            return DefinitionRecord(
                kind: DefinitionKind(rawValue: row.text(1)) ?? .workflow, id: row.text(2),
                version: Int(row.integer(3)), status: DefinitionStatus(rawValue: row.text(4)) ?? .archived,
                rolloutPercentage: Int(row.integer(5)), body: row.bytes(6), contentHash: row.text(7),
                createdAt: row.time(8), updatedAt: row.time(9))
        }
        return DefinitionSnapshot(generation: table.first?.integer(0) ?? 0, records: records.compactMap { $0 })
    }

    package func commit(
        _ change: DefinitionChange, expecting generation: Int64
    ) async throws(StorageFailure) -> Int64 {
        try await pool.transaction { transaction throws(StorageFailure) in
            try await Self.raise("generation", from: generation, transaction)
            let removals = change.removals.map {
                PostgresStatement(
                    "DELETE FROM definitions WHERE kind = $1 AND id = $2", [.text($0.kind.rawValue), .text($0.id)])
            }
            try await transaction.run(removals + change.puts.map(Self.put) + change.audit.map(Self.insert))
            return generation + 1
        }
    }

    private static func put(_ record: DefinitionRecord) -> PostgresStatement {
        PostgresStatement(
            """
            INSERT INTO definitions VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            ON CONFLICT (kind, id, version) DO UPDATE SET status = $4, rollout = $5, body = $6, content_hash = $7,
            created_at = $8, updated_at = $9
            """,
            [
                .text(record.kind.rawValue), .text(record.id), .integer(Int64(record.version)),
                .text(record.status.rawValue), .integer(Int64(record.rolloutPercentage)), .bytes(record.body),
                .text(record.contentHash), .time(record.createdAt), .time(record.updatedAt),
            ])
    }
}
