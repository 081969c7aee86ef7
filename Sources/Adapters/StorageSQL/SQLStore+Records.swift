package import Storage
package import Vocabulary

/// Definitions, admin keys and the audit log.
extension SQLStore {
    package func loadDefinitions() async throws(StorageFailure) -> DefinitionSnapshot {
        let table = try await read(StoreStatement(records.definitions))
        // Sorted here: the order of texts is a matter of collation there.
        let records = table.map { RecordTexts.definition($0) }.compactMap { $0 }.sorted {
            ($0.kind.rawValue, $0.id, $0.version) < ($1.kind.rawValue, $1.id, $1.version)
        }
        return DefinitionSnapshot(generation: table.first?.integer(0) ?? 0, records: records)
    }

    package func commit(
        _ change: DefinitionChange, expecting generation: Int64
    ) async throws(StorageFailure) -> Int64 {
        let announcement = change.isAnnounced ? instances.announcement(ofGeneration: generation + 1) : []
        let raised = try await driver.transaction { transaction throws(StorageFailure) in
            try await raise("generation", from: generation, transaction)
            try await transaction.run(
                change.removals.map(records.remove) + change.puts.map { records.put($0) }
                    + change.audit.map(records.insert) + announcement)
            return generation + 1
        }
        if change.isAnnounced { noteAlone { $0.generation = max($0.generation, raised) } }
        return raised
    }

    package func loadAdminKeys() async throws(StorageFailure) -> AdminKeySnapshot {
        let table = try await read(StoreStatement(records.keys))
        let records = table.map { RecordTexts.key($0) }.compactMap { $0 }.sorted {
            ($0.createdAt, $0.id) < ($1.createdAt, $1.id)
        }
        return AdminKeySnapshot(generation: table.first?.integer(0) ?? 0, records: records)
    }

    package func commit(_ change: AdminKeyChange, expecting generation: Int64) async throws(StorageFailure) -> Int64 {
        let raised = try await driver.transaction { transaction throws(StorageFailure) in
            try await raise("admin_keys", from: generation, transaction)
            var statements = change.removal.map { [records.removeKey($0)] } ?? []
            if let record = change.put { statements.append(records.put(record)) }
            try await transaction.run(statements + change.audit.map(records.insert) + instances.announcement)
            return generation + 1
        }
        noteAlone { $0.adminKeys = max($0.adminKeys, raised) }
        return raised
    }

    package func noteUse(ofAdminKeys uses: [String: Timestamp]) async throws(StorageFailure) {
        guard !uses.isEmpty else { return }
        // In one order everywhere, so that two instances cannot lock each other out.
        let sorted = uses.sorted { $0.key < $1.key }
        _ = try await driver.run(sorted.map { records.useKey($0.key, at: $0.value) }, canRepeat: true)
    }

    package func appendAudit(_ entries: [AuditRecord]) async throws(StorageFailure) {
        guard !entries.isEmpty else { return }
        _ = try await driver.run(entries.map(records.insert), canRepeat: false)
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
        let count = dialect.statement("SELECT count(*) FROM audit" + conditions.text, conditions.values)
        let list = dialect.statement(
            """
            SELECT \(RecordTexts.auditColumns.joined(separator: ", ")) FROM audit\(conditions.text)
            ORDER BY id DESC LIMIT ? OFFSET ?
            """, conditions.values + [.integer(Int64(limit)), .integer(Int64(offset))])
        let tables = try await driver.read([count, list])
        return (tables[1].map { RecordTexts.audit($0) }, Int(tables[0].first?.integer(0) ?? 0))
    }

    package func deleteAudit(before: Timestamp, epoch: Int64) async throws(StorageFailure) -> Int {
        try await fenced(StoreStatement(records.deleteAudit, [.time(before), .integer(epoch)]), epoch)
    }
}
