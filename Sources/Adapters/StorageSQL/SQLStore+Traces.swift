package import Storage
package import Vocabulary

extension SQLStore {
    /// One batch, and so one transaction and one sync to disk for all of them.
    package func write(
        inserts: [TraceRecord], settlements: [TraceSettlement]
    ) async throws(StorageFailure) -> [Identifier] {
        guard !inserts.isEmpty || !settlements.isEmpty else { return [] }
        var statements: [StoreStatement] = []
        statements.reserveCapacity(inserts.count + settlements.count)
        for record in inserts { statements.append(traces.insert(record)) }
        for settlement in settlements {
            statements.append(traces.settle(settlement))
            if settlement.mode == .cron { statements.append(traces.settleOccurrence(settlement)) }
        }
        let tables = try await driver.run(statements, canRepeat: false)
        var refused: [Identifier] = []
        var place = inserts.count
        for settlement in settlements {
            if tables[place].affected == 0 { refused.append(settlement.id) }
            place += settlement.mode == .cron ? 2 : 1
        }
        return refused
    }
<<<<<<< HEAD
=======

    /// What another instance is about to take is passed over, not waited for.
    package func lease(
        limit: Int, owner: String, alive: [String], now: Timestamp
    ) async throws(StorageFailure) -> [TraceRecord] {
        let statement = leasing(limit: limit, alive: alive, now: now)
        let traces = traces
        return try await driver.transaction { transaction throws(StorageFailure) in
            let found = try await transaction.run([statement])[0].map { TraceTexts.record($0) }
            guard !found.isEmpty else { return [] }
            try await transaction.run(found.map { traces.take($0.id, owner: owner) })
            return found.map { record in
                var record = record
                record.attempt += record.status == .running ? 1 : 0
                record.owner = owner
                record.epoch += 1
                record.status = .pending
                return record
            }
        }
    }

    /// Those that are due and nobody alive holds, oldest due first.
    func leasing(limit: Int, alive: [String], now: Timestamp) -> StoreStatement {
        let free = dialect.among("owner", .texts(alive), isNegated: true)
        return dialect.statement(
            """
            SELECT \(TraceTexts.list) FROM traces WHERE \(dialect.isOpen) AND due_at <= ? AND \(free.text)
            ORDER BY due_at LIMIT ?\(dialect.lockingFreeRows)
            """, [.time(now)] + free.values + [.integer(Int64(limit))])
    }
>>>>>>> df5c2422b481646aeaa284ed157ff999c353e68f
}
