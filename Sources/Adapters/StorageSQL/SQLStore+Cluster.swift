package import Storage
import Synchronization
package import Vocabulary

extension SQLStore {
    package var isShared: Bool { dialect.isShared }

    package func beat(
        _ record: InstanceRecord, ttl: Duration, candidacy: Candidacy
    ) async throws(StorageFailure) -> ClusterView {
        guard isShared else { return try await beatAlone(record, ttl: ttl, candidacy: candidacy) }
        let statements = instances.beat(record) + instances.stand(record.id, ttl: ttl, candidacy)
        let tables = try await driver.pulse(statements + instances.look(ttl: ttl))
        return try ClusterTexts.view(tables.suffix(3))
    }

    package func clusterView(ttl: Duration) async throws(StorageFailure) -> ClusterView {
        guard isShared else {
            return try await withAlone { $0.book.view(ttl: ttl, at: .now(), wanted: $0.wanted) }
        }
        return try ClusterTexts.view(try await driver.pulse(instances.look(ttl: ttl))[...])
    }

    package func giveBack(owner: String, keeping: [Identifier]) async throws(StorageFailure) -> Int {
        try await driver.run([giving(owner, keeping)] + instances.announcing, canRepeat: true)[0].affected
    }

    private func giving(_ owner: String, _ keeping: [Identifier]) -> StoreStatement {
        let given = dialect.among("id", .uuids(keeping), isNegated: true)
        return dialect.statement(
            "UPDATE traces SET owner = '' WHERE \(dialect.isOpen) AND owner = ? AND \(given.text)",
            [.text(owner)] + given.values)
    }

    package func depart(_ id: String) async throws(StorageFailure) {
        guard isShared else {
            try await withAlone { $0.book.depart(id) }
            _ = try await giveBack(owner: id, keeping: [])
            return
        }
        _ = try await driver.run(instances.depart(id) + [giving(id, [])] + instances.announcing, canRepeat: true)
    }

    package func listen(_ heard: @escaping @Sendable () -> Void) async { await driver.listen(heard) }

    package func orderReload() async throws(StorageFailure) -> Int64 {
        guard isShared else {
            return try await withAlone { alone in
                alone.wanted.reloads += 1
                alone.wanted.announcedAt = .now()
                return alone.wanted.reloads
            }
        }
        let tables = try await driver.run(instances.order, canRepeat: false)
        return ClusterTexts.numbers(tables[1])["reloads"] ?? 0
    }

    // MARK: Fences

    /// A write that only the leader of this epoch may make.
    func fenced(_ statement: StoreStatement, _ epoch: Int64) async throws(StorageFailure) -> Int {
        let fence = StoreFence(epoch, dialect)
        let tables = try await driver.run([fence.look, statement], canRepeat: false)
        try fence.check(tables[0])
        return tables[1].affected
    }
}

/// The cluster of a database that only one process can open: kept in memory, so that a beat costs no sync. Only the epoch,
/// which goes on over restarts, is on disk.
struct ClusterOfOne: Sendable {
    var book: ClusterBook
    var wanted = ClusterView.Wanted()
}

extension SQLStore {
    private func beatAlone(
        _ record: InstanceRecord, ttl: Duration, candidacy: Candidacy
    ) async throws(StorageFailure) -> ClusterView {
        let now = Timestamp.now()
        let (begins, view) = try await withAlone { alone in
            let begins = alone.book.beat(record, ttl: ttl, candidacy: candidacy, at: now)
            return (begins, alone.book.view(ttl: ttl, at: now, wanted: alone.wanted))
        }
        guard begins else { return view }
        do throws(StorageFailure) {
            let raise = dialect.statement(
                "UPDATE numbers SET value = ? WHERE name = 'schedule_epoch' AND value < ?",
                [.integer(view.epoch), .integer(view.epoch)])
            _ = try await change(raise)
        } catch {
            // Nobody leads under an epoch that is not on disk.
            try await withAlone { _ = $0.book.beat(record, ttl: ttl, candidacy: .none, at: now) }
            throw error
        }
        return view
    }

    private func withAlone<Value: Sendable>(
        _ body: @Sendable (inout ClusterOfOne) -> Value
    ) async throws(StorageFailure) -> Value {
        let known: Value? = alone.withLock { alone in
            guard var cluster = alone else { return nil }
            defer { alone = cluster }
            return body(&cluster)
        }
        if let known { return known }
        let numbers = ClusterTexts.numbers(try await read(ClusterTexts.numbers))
        return alone.withLock { known in
            var cluster = known ?? ClusterOfOne(book: ClusterBook(epoch: numbers["schedule_epoch"] ?? 0))
            if known == nil {
                cluster.wanted.generation = numbers["generation"] ?? 0
                cluster.wanted.adminKeys = numbers["admin_keys"] ?? 0
            }
            let value = body(&cluster)
            known = cluster
            return value
        }
    }

    /// What was committed is wanted. Before anybody has looked there is nothing to bring up to date.
    func noteAlone(_ change: (inout ClusterView.Wanted) -> Void) {
        guard !isShared else { return }
        alone.withLock { alone in
            guard var known = alone else { return }
            change(&known.wanted)
            known.wanted.announcedAt = .now()
            alone = known
        }
    }
}
