import Storage
import Synchronization
import Vocabulary

/// A store whose writes fail as long as it is broken.
final class UnreliableStore: TraceStore {
    let isBroken = Atomic<Bool>(false)
    let writes = Atomic<Int>(0)
    private let store: InMemoryStore

    init(_ store: InMemoryStore) { self.store = store }

    func write(inserts: [TraceRecord], settlements: [TraceSettlement]) async throws(StorageFailure) -> [Identifier] {
        writes.add(1, ordering: .relaxed)
        if isBroken.load(ordering: .relaxed) { throw .unavailable("the disk is full") }
        return try await store.write(inserts: inserts, settlements: settlements)
    }

    func lease(
        limit: Int, owner: String, patience: Duration?, now: Timestamp, unserved: [String]
    ) async throws(StorageFailure) -> [TraceRecord] {
        try await store.lease(limit: limit, owner: owner, patience: patience, now: now, unserved: unserved)
    }

    func backlog() async throws(StorageFailure) -> (count: Int, bytes: Int) { try await store.backlog() }
    func trace(_ id: Identifier) async throws(StorageFailure) -> TraceRecord? { try await store.trace(id) }

    func traces(
        _ filter: TraceFilter, before: Identifier?, limit: Int, offset: Int, ascending: Bool
    ) async throws(StorageFailure) -> [TraceRecord] {
        try await store.traces(filter, before: before, limit: limit, offset: offset, ascending: ascending)
    }

    func countTraces(_ filter: TraceFilter) async throws(StorageFailure) -> Int { try await store.countTraces(filter) }

    func requeue(_ ids: [Identifier]?, filter: TraceFilter, now: Timestamp) async throws(StorageFailure) -> Int {
        try await store.requeue(ids, filter: filter, now: now)
    }

    func purgeDead(before: Timestamp) async throws(StorageFailure) -> Int { try await store.purgeDead(before: before) }

    func deleteTraces(before: Timestamp, limit: Int, epoch: Int64) async throws(StorageFailure) -> Int {
        try await store.deleteTraces(before: before, limit: limit, epoch: epoch)
    }

    func deleteTraces(keeping: Int, limit: Int, epoch: Int64) async throws(StorageFailure) -> Int {
        try await store.deleteTraces(keeping: keeping, limit: limit, epoch: epoch)
    }
}
