import SQLiteDriver
package import Storage
package import Vocabulary

extension SQLiteStore {
    package func loadAdminKeys() async throws(StorageFailure) -> AdminKeySnapshot {
        try await writer.with { connection throws(StorageFailure) in
            let generation = try connection.query("SELECT value FROM numbers WHERE name = 'admin_keys'") {
                $0.integer(0)
            }
            let records = try connection.query(
                """
                SELECT id, name, scope, prefix, hash, created_at, expires_at, last_used_at
                FROM admin_keys ORDER BY created_at, id
                """
            ) { row in
                AdminKeyRecord(
                    // A scope of a newer program is not guessed: such a key may only look.
                    id: row.text(0), name: row.text(1), scope: AdminScope(rawValue: row.text(2)) ?? .readOnly,
                    prefix: row.text(3), hash: row.bytes(4), createdAt: Timestamp(microseconds: row.integer(5)),
                    expiresAt: row.optionalInteger(6).map(Timestamp.init(microseconds:)),
                    lastUsedAt: row.optionalInteger(7).map(Timestamp.init(microseconds:)))
            }
            return AdminKeySnapshot(generation: generation.first ?? 0, records: records)
        }
    }

    package func commit(
        _ change: AdminKeyChange, expecting generation: Int64
    ) async throws(StorageFailure) -> Int64 {
        try await writer.with { connection throws(StorageFailure) in
            try connection.transaction { connection throws(StorageFailure) in
                let moved = try connection.run(
                    "UPDATE numbers SET value = value + 1 WHERE name = 'admin_keys' AND value = ?1"
                ) { $0.integer(1, generation) }
                guard moved == 1 else { throw .conflict }
                if let id = change.removal {
                    try connection.run("DELETE FROM admin_keys WHERE id = ?1") { $0.text(1, id) }
                }
                if let record = change.put { try Self.put(record, connection) }
                for entry in change.audit { try Self.insert(entry, connection) }
                return generation + 1
            }
        }
    }

    private static func put(
        _ record: AdminKeyRecord, _ connection: isolated SQLiteConnection
    ) throws(StorageFailure) {
        try connection.run("INSERT OR REPLACE INTO admin_keys VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)") {
            $0.text(1, record.id)
            $0.text(2, record.name)
            $0.text(3, record.scope.rawValue)
            $0.text(4, record.prefix)
            $0.bytes(5, record.hash)
            $0.integer(6, record.createdAt.microseconds)
            $0.integer(7, record.expiresAt?.microseconds)
            $0.integer(8, record.lastUsedAt?.microseconds)
        }
    }

    package func noteUse(ofAdminKeys uses: [String: Timestamp]) async throws(StorageFailure) {
        try await writer.with { connection throws(StorageFailure) in
            try connection.transaction { connection throws(StorageFailure) in
                for (id, time) in uses {
                    try connection.run(
                        "UPDATE admin_keys SET last_used_at = max(coalesce(last_used_at, ?2), ?2) WHERE id = ?1"
                    ) {
                        $0.text(1, id)
                        $0.integer(2, time.microseconds)
                    }
                }
            }
        }
    }
}
