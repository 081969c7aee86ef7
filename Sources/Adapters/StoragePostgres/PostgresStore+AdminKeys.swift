import PostgresDriver
package import Storage
package import Vocabulary

extension PostgresStore {
    package func loadAdminKeys() async throws(StorageFailure) -> AdminKeySnapshot {
        let table = try await read(
            """
            SELECT n.value, k.id, k.name, k.scope, k.prefix, k.hash, k.created_at, k.expires_at, k.last_used_at
            FROM numbers n LEFT JOIN admin_keys k ON true WHERE n.name = 'admin_keys' ORDER BY k.created_at, k.id
            """)
        let records = table.map { row -> AdminKeyRecord? in
            guard row.optionalInteger(6) != nil else { return nil }
            return AdminKeyRecord(
                // A scope of a newer program is not guessed: such a key may only look.
                id: row.text(1), name: row.text(2), scope: AdminScope(rawValue: row.text(3)) ?? .readOnly,
                prefix: row.text(4), hash: row.bytes(5), createdAt: row.time(6), expiresAt: row.optionalTime(7),
                lastUsedAt: row.optionalTime(8))
        }
        return AdminKeySnapshot(generation: table.first?.integer(0) ?? 0, records: records.compactMap { $0 })
    }

    package func commit(_ change: AdminKeyChange, expecting generation: Int64) async throws(StorageFailure) -> Int64 {
        try await pool.transaction { transaction throws(StorageFailure) in
            try await Self.raise("admin_keys", from: generation, transaction)
            var statements: [PostgresStatement] = []
            for id in [change.removal, change.put?.id].compactMap({ $0 }) {
                statements.append(PostgresStatement("DELETE FROM admin_keys WHERE id = $1", [.text(id)]))
            }
            if let record = change.put {
                statements.append(
                    PostgresStatement(
                        "INSERT INTO admin_keys VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                        [
                            .text(record.id), .text(record.name), .text(record.scope.rawValue), .text(record.prefix),
                            .bytes(record.hash), .time(record.createdAt), .time(record.expiresAt),
                            .time(record.lastUsedAt),
                        ]))
            }
            try await transaction.run(statements + change.audit.map(Self.insert))
            return generation + 1
        }
    }

    package func noteUse(ofAdminKeys uses: [String: Timestamp]) async throws(StorageFailure) {
        // In one order everywhere, so that two instances cannot lock each other out.
        let sorted = uses.sorted { $0.key < $1.key }
        _ = try await pool.run(
            sorted.map { id, time in
                PostgresStatement(
                    "UPDATE admin_keys SET last_used_at = greatest(last_used_at, $2) WHERE id = $1",
                    [.text(id), .time(time)])
            }, canRepeat: true)
    }
}
