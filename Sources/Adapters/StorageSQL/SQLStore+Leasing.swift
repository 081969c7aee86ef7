package import Storage
package import Vocabulary

extension SQLStore {
    /// What another instance is about to take is passed over, not waited for. Who is alive is judged by the statement
    /// that takes: one that beats meanwhile keeps what it holds.
    package func lease(
        limit: Int, owner: String, patience: Duration?, now: Timestamp, unserved: [String]
    ) async throws(StorageFailure) -> [TraceRecord] {
        let statement = leasing(limit: limit, owner: owner, patience: patience, now: now, unserved: unserved)
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
    func leasing(
        limit: Int, owner: String, patience: Duration?, now: Timestamp, unserved: [String]
    ) -> StoreStatement {
        let free = free(owner, patience)
        let served = dialect.among("channel", .texts(unserved), isNegated: true)
        return dialect.statement(
            """
            SELECT \(TraceTexts.list) FROM traces
            WHERE \(dialect.isOpen) AND due_at <= ? AND \(free.text) AND \(served.text) ORDER BY due_at LIMIT ?\(dialect.lockingFreeRows)
            """, [.time(now)] + free.values + served.values + [.integer(Int64(limit))])
    }

    private func free(_ owner: String, _ patience: Duration?) -> Condition {
        guard let patience else { return Condition("owner = ''") }
        guard dialect.isShared else {
            let alive = alone.withLock { $0?.book.alive(ttl: patience, at: .now()) } ?? []
            return dialect.among("owner", .texts(alive + [owner]), isNegated: true)
        }
        return Condition(
            """
            owner <> ? AND NOT EXISTS (
                SELECT 1 FROM instances WHERE instances.id = traces.owner AND beat_at + ? > \(dialect.now))
            """, [.text(owner), .integer(patience.wholeMicroseconds)])
    }
}
