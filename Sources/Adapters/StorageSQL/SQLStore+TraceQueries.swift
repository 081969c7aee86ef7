package import Storage
package import Vocabulary

extension SQLStore {
    package func backlog() async throws(StorageFailure) -> (count: Int, bytes: Int) {
        let row = try await read(StoreStatement(traces.backlog)).first
        return (Int(row?.integer(0) ?? 0), Int(row?.integer(1) ?? 0))
    }

    package func trace(_ id: Identifier) async throws(StorageFailure) -> TraceRecord? {
        try await read(StoreStatement(traces.trace, [.uuid(id)])).first.map { TraceTexts.record($0) }
    }

    /// Numbers of our own enums stand in the text: only so do the partial indexes serve a prepared statement.
    private func conditions(_ filter: TraceFilter) -> Conditions {
        var conditions = Conditions()
        if let status = filter.status { conditions.add("status = \(status.rawValue)") }
        if let channel = filter.channel { conditions.add("channel = ?", .text(channel)) }
        if let mode = filter.mode { conditions.add("mode = \(mode.rawValue)") }
        if let isDead = filter.isDead {
            conditions.add(isDead ? dialect.isTrue("is_dead") : dialect.isFalse("is_dead"))
        }
        if let time = filter.completedBefore { conditions.add("completed_at < ?", .time(time)) }
        return conditions
    }

    package func traces(
        _ filter: TraceFilter, before: Identifier?, limit: Int, offset: Int, ascending: Bool
    ) async throws(StorageFailure) -> [TraceRecord] {
        try await read(listing(filter, before: before, limit: limit, offset: offset, ascending: ascending)).map {
            TraceTexts.record($0)
        }
    }

    func listing(
        _ filter: TraceFilter, before: Identifier?, limit: Int, offset: Int, ascending: Bool
    ) -> StoreStatement {
        var conditions = conditions(filter)
        if let before { conditions.add("id < ?", .uuid(before)) }
        return dialect.statement(
            """
            SELECT \(traces.smallList) FROM traces\(conditions.text)
            ORDER BY id \(ascending ? "ASC" : "DESC") LIMIT ? OFFSET ?
            """, conditions.values + [.integer(Int64(limit)), .integer(Int64(offset))])
    }

    package func countTraces(_ filter: TraceFilter) async throws(StorageFailure) -> Int {
        let conditions = conditions(filter)
        let table = try await read(
            dialect.statement("SELECT count(*) FROM traces" + conditions.text, conditions.values))
        return Int(table.first?.integer(0) ?? 0)
    }

    /// Identifiers that go into one statement: databases bound its parameters.
    private static var mostNamed: Int { 500 }

    package func requeue(
        _ ids: [Identifier]?, filter: TraceFilter, now: Timestamp
    ) async throws(StorageFailure) -> Int {
        var filter = filter
        filter.isDead = true
        let wanted = conditions(filter)
        let pieces: [[Identifier]?] =
            ids.map { ids in
                stride(from: 0, to: ids.count, by: Self.mostNamed).map { start in
                    Array(ids[start..<min(ids.count, start + Self.mostNamed)])
                }
            } ?? [nil]
        guard !pieces.isEmpty else { return 0 }
        let moves = pieces.map { piece in
            var conditions = wanted
            if let piece { conditions.add(dialect.among("id", .uuids(piece), isNegated: false)) }
            return dialect.statement(
                """
                UPDATE traces SET status = 0, is_dead = ?, attempt = 0, owner = '', due_at = ?, error = '',
                completed_at = NULL\(conditions.text)
                """, [.bool(false), .time(now)] + conditions.values)
        }
        // A failed occurrence with a trace that waits is one whose dead letter was just sent back.
        let told = dialect.statement(
            """
            UPDATE occurrences SET status = 1, singleton_slot = NULL, error = '', completed_at = NULL WHERE status = 3
            AND id IN (SELECT id FROM traces WHERE \(dialect.isOpen) AND due_at = ? AND mode = 2 AND status = 0)
            """, [.time(now)])
        let tables = try await driver.run(moves + [told], canRepeat: false)
        return tables.dropLast().reduce(0) { $0 + $1.affected }
    }

    package func purgeDead(before: Timestamp) async throws(StorageFailure) -> Int {
        try await change(StoreStatement(traces.purge, [.time(before)]))
    }

    package func deleteTraces(before: Timestamp, limit: Int, epoch: Int64) async throws(StorageFailure) -> Int {
        try await deleteTraces(below: Identifier(at: before, random: (0, 0)), limit: limit, epoch, traces.deleteAged)
    }

    package func deleteTraces(keeping: Int, limit: Int, epoch: Int64) async throws(StorageFailure) -> Int {
        guard let edge = try await read(StoreStatement(traces.edge, [.integer(Int64(keeping))])).first?.uuid(0) else {
            return 0
        }
        // The edge goes too.
        let (low, carry) = edge.low.addingReportingOverflow(1)
        return try await deleteTraces(
            below: Identifier(high: edge.high &+ (carry ? 1 : 0), low: low), limit: limit, epoch, traces.deleteBelow)
    }

    /// Whole partitions first, where there are some.
    private func deleteTraces(
        below id: Identifier, limit: Int, _ epoch: Int64, _ text: String
    ) async throws(StorageFailure) -> Int {
        let dropped = try await driver.dropTraces(below: id, given: StoreFence(epoch, dialect))
        // Whoever deletes asks again as long as a full piece goes.
        guard dropped < limit else { return limit }
        let values: [StoreValue] = [.uuid(id), .integer(epoch), .integer(Int64(limit - dropped))]
        return try await dropped + fenced(StoreStatement(text, values), epoch)
    }
}
