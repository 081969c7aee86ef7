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
}
