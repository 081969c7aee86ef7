import SQLiteDriver
package import Storage
import Vocabulary

extension SQLiteStore {
    package func loadDefinitions() async throws(StorageFailure) -> DefinitionSnapshot {
        try await writer.with { connection throws(StorageFailure) in try Self.readDefinitions(connection) }
    }

    static func readDefinitions(
        _ connection: isolated SQLiteConnection
    ) throws(StorageFailure) -> DefinitionSnapshot {
        let generation = try connection.query("SELECT value FROM numbers WHERE name = 'generation'") {
            $0.integer(0)
        }
        let records = try connection.query(
            """
            SELECT kind, id, version, status, rollout, body, content_hash, created_at, updated_at
            FROM definitions ORDER BY kind, id, version
            """
        ) { row in
            DefinitionRecord(
                kind: DefinitionKind(rawValue: row.text(0)) ?? .workflow, id: row.text(1),
                version: Int(row.integer(2)), status: DefinitionStatus(rawValue: row.text(3)) ?? .archived,
                rolloutPercentage: Int(row.integer(4)), body: row.bytes(5), contentHash: row.text(6),
                createdAt: Timestamp(microseconds: row.integer(7)),
                updatedAt: Timestamp(microseconds: row.integer(8)))
        }
        return DefinitionSnapshot(generation: generation.first ?? 0, records: records)
    }

    package func commit(
        _ change: DefinitionChange, expecting generation: Int64
    ) async throws(StorageFailure) -> Int64 {
        try await writer.with { connection throws(StorageFailure) in
            try connection.transaction { connection throws(StorageFailure) in
                let moved = try connection.run(
                    "UPDATE numbers SET value = value + 1 WHERE name = 'generation' AND value = ?1"
                ) { $0.integer(1, generation) }
                guard moved == 1 else { throw .conflict }
                for removal in change.removals {
                    try connection.run("DELETE FROM definitions WHERE kind = ?1 AND id = ?2") {
                        $0.text(1, removal.kind.rawValue)
                        $0.text(2, removal.id)
                    }
                }
                for record in change.puts { try Self.put(record, connection) }
                for entry in change.audit { try Self.insert(entry, connection) }
                return generation + 1
            }
        }
    }

    private static func put(
        _ record: DefinitionRecord, _ connection: isolated SQLiteConnection
    ) throws(StorageFailure) {
        try connection.run("INSERT OR REPLACE INTO definitions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)") {
            $0.text(1, record.kind.rawValue)
            $0.text(2, record.id)
            $0.integer(3, Int64(record.version))
            $0.text(4, record.status.rawValue)
            $0.integer(5, Int64(record.rolloutPercentage))
            $0.bytes(6, record.body)
            $0.text(7, record.contentHash)
            $0.integer(8, record.createdAt.microseconds)
            $0.integer(9, record.updatedAt.microseconds)
        }
    }
}
