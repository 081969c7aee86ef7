package import Storage
package import Vocabulary

extension SQLStore {
    package func scheduleCursors() async throws(StorageFailure) -> [String: Timestamp] {
        let rows = try await read(StoreStatement(occurrences.cursors)).map { ($0.text(0), $0.time(1)) }
        return Dictionary(rows, uniquingKeysWith: { first, _ in first })
    }

    /// Writers of the ledger come one after the other: each holds the row of the epoch until it has committed.
    package func record(_ entries: LedgerEntries, epoch: Int64?) async throws(StorageFailure) -> LedgerOutcome {
        let (texts, traces) = (occurrences, traces)
        let newest = StoreStatement(ClusterTexts.epoch + dialect.lockingRows)
        let patience = dialect.endingSilence.map { [StoreStatement($0)] } ?? []
        return try await driver.transaction { transaction throws(StorageFailure) in
            // One that is frozen or cut off in here keeps nobody from leading: the server ends its session.
            let newest = try await transaction.run(patience + [newest]).last?.first?.integer(0) ?? 0
            if let epoch, epoch < newest { return .fenced }
            // Everything is judged before anything is written: what is refused leaves no trace.
            let holders = (entries.claims + entries.inserts).compactMap(texts.holder)
            let judged = try await transaction.run(entries.claims.map(texts.isPending) + holders)
            let claims = entries.claims.count
            guard judged.prefix(claims).allSatisfy({ $0.count == 1 }),
                judged.dropFirst(claims).allSatisfy({ $0.count == 0 })
            else { return .overtaken }
            let written = try await transaction.run(entries.claims.map(texts.claim) + entries.inserts.map(texts.insert))
            let inserted = zip(entries.inserts, written.dropFirst(claims))
            let leftOut = Set(inserted.filter { $1.affected == 0 }.map { $0.0.id })
            var statements: [StoreStatement] = []
            for trace in entries.traces where !leftOut.contains(trace.id) {
                statements += [traces.delete(trace.id), traces.insert(trace)]
            }
            for (channelID, through) in entries.cursors {
                statements.append(StoreStatement(texts.cursor, [.text(channelID), .time(through)]))
            }
            try await transaction.run(statements)
            return .recorded(leftOut: leftOut)
        }
    }

    package func moveOccurrence(
        _ id: Identifier, from: [OccurrenceStatus], to status: OccurrenceStatus, at now: Timestamp
    ) async throws(StorageFailure) -> Bool {
        let allowed = from.map { String($0.rawValue) }.joined(separator: ",")
        guard !allowed.isEmpty else { return false }
        let isAnew = status == .pending
        let move = dialect.statement(
            """
            UPDATE occurrences SET status = ?, singleton_slot = NULL, error = '', completed_at = ?
            WHERE id = ? AND status IN (\(allowed))
            """, [.integer(Int64(status.rawValue)), .time(isAnew ? nil : now), .uuid(id)])
        let statements = isAnew ? [move, occurrences.forgetTrace(id)] : [move]
        return try await driver.run(statements, canRepeat: false)[0].affected == 1
    }

    package func openOccurrences() async throws(StorageFailure) -> [OccurrenceRecord] {
        let tables = try await driver.read([occurrences.held, occurrences.pending].map { StoreStatement($0) })
        return tables.flatMap { $0.map { OccurrenceTexts.record($0) } }.sorted {
            ($0.scheduledFor, $0.id) < ($1.scheduledFor, $1.id)
        }
    }

    package func occurrence(_ id: Identifier) async throws(StorageFailure) -> OccurrenceRecord? {
        try await read(StoreStatement(occurrences.occurrence, [.uuid(id)])).first.map { OccurrenceTexts.record($0) }
    }

    private func conditions(_ filter: OccurrenceFilter) -> Conditions {
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
        let conditions = conditions(filter)
        let statement = dialect.statement(
            """
            SELECT \(OccurrenceTexts.list) FROM occurrences\(conditions.text)
            ORDER BY scheduled_for DESC, id DESC LIMIT ? OFFSET ?
            """, conditions.values + [.integer(Int64(limit)), .integer(Int64(offset))])
        return try await read(statement).map { OccurrenceTexts.record($0) }
    }

    package func countOccurrences(_ filter: OccurrenceFilter) async throws(StorageFailure) -> Int {
        let conditions = conditions(filter)
        let table = try await read(
            dialect.statement("SELECT count(*) FROM occurrences" + conditions.text, conditions.values))
        return Int(table.first?.integer(0) ?? 0)
    }

    package func deleteOccurrences(before: Timestamp, limit: Int, epoch: Int64) async throws(StorageFailure) -> Int {
        let values: [StoreValue] = [.time(before), .integer(epoch), .integer(Int64(limit))]
        return try await fenced(StoreStatement(occurrences.deleteBefore, values), epoch)
    }

    package func deleteOccurrences(keeping: Int, limit: Int, epoch: Int64) async throws(StorageFailure) -> Int {
        let edge = StoreStatement(occurrences.edge, [.integer(Int64(keeping))])
        guard let through = try await read(edge).first?.time(0) else { return 0 }
        let values: [StoreValue] = [.time(through), .integer(epoch), .integer(Int64(limit))]
        return try await fenced(StoreStatement(occurrences.deleteThrough, values), epoch)
    }
}
