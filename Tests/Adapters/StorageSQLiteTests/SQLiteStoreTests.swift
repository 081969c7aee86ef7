import Foundation
import Storage
import StorageSQLite
import Testing
import Vocabulary

@Suite struct SQLiteStoreTests {
    /// A store in a folder of its own, which goes afterwards.
    private func withStore(_ body: (SQLiteStore, String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let url = "sqlite:\(folder.path)/weir.db"
        let store = try await SQLiteStore.open(url: url)
        try await body(store, url)
        await store.close()
    }

    private func pending(owner: String, at time: Int64 = 1) -> TraceRecord {
        TraceRecord(
            id: .make(), channelID: "c", channel: "c", mode: .async, status: .pending, input: [1, 2, 3], owner: owner,
            epoch: 1, dueAt: Timestamp(microseconds: time), createdAt: Timestamp(microseconds: time))
    }

    private func settlement(_ record: TraceRecord, owner: String, epoch: Int64, _ status: TraceStatus = .completed)
        -> TraceSettlement
    {
        TraceSettlement(
            id: record.id, owner: owner, epoch: epoch, status: status, result: [9], attempt: 1,
            keepsInput: status != .completed,
            dueAt: record.dueAt, completedAt: status == .pending ? nil : record.dueAt)
    }

    @Test func `a settlement with a stale owner or epoch is refused`() async throws {
        try await withStore { store, _ in
            let record = pending(owner: "a")
            _ = try await store.write(inserts: [record], settlements: [])
            let leased = try await store.lease(limit: 10, owner: "b", alive: ["b"], now: Timestamp(microseconds: 5))

            #expect(leased.map(\.id) == [record.id] && leased[0].epoch == 2 && leased[0].input == [1, 2, 3])
            #expect(
                try await store.write(inserts: [], settlements: [settlement(record, owner: "a", epoch: 1)]) == [
                    record.id
                ])
            #expect(try await store.write(inserts: [], settlements: [settlement(record, owner: "b", epoch: 2)]) == [])
            let done = try await store.trace(record.id)
            #expect(done?.status == .completed && done?.input == [] && done?.result == [9])
        }
    }

    @Test func `what somebody alive holds is not leased, and nothing is leased twice`() async throws {
        try await withStore { store, _ in
            let records =
                (0..<50).map { _ in pending(owner: "dead") } + [pending(owner: "a"), pending(owner: "", at: 99)]
            _ = try await store.write(inserts: records, settlements: [])

            let now = Timestamp(microseconds: 5)
            async let first = store.lease(limit: 40, owner: "a", alive: ["a", "b"], now: now)
            async let second = store.lease(limit: 40, owner: "b", alive: ["a", "b"], now: now)
            let (one, other) = try await (first, second)

            #expect(one.count + other.count == 50)
            #expect(Set(one.map(\.id)).isDisjoint(with: other.map(\.id)))
        }
    }

    @Test func `a retry waits without an owner until it is due`() async throws {
        try await withStore { store, _ in
            let record = pending(owner: "a")
            var retry = settlement(record, owner: "a", epoch: 1, .pending)
            retry.dueAt = Timestamp(microseconds: 1000)
            _ = try await store.write(inserts: [record], settlements: [retry])

            #expect(
                try await store.lease(limit: 9, owner: "a", alive: ["a"], now: Timestamp(microseconds: 999)).isEmpty)
            #expect(
                try await store.lease(limit: 9, owner: "a", alive: ["a"], now: Timestamp(microseconds: 1000)).count == 1
            )
        }
    }

    @Test func `dead letters are requeued or purged, and retention leaves them and open ones alone`() async throws {
        try await withStore { store, _ in
            let records = (0..<4).map { _ in pending(owner: "a") }
            var settlements = records.prefix(3).map { settlement($0, owner: "a", epoch: 1, .failed) }
            for place in 0..<2 { settlements[place].isDead = true }
            _ = try await store.write(inserts: records, settlements: settlements)

            #expect(try await store.deleteTraces(keeping: 0, limit: 100) == 1)
            #expect(
                try await store.requeue([records[0].id], filter: TraceFilter(), now: Timestamp(microseconds: 7)) == 1)
            #expect(try await store.purgeDead(before: Timestamp(microseconds: 2)) == 1)
            #expect(try await store.countTraces(TraceFilter()) == 2)
            #expect(try await store.backlog().count == 2)
        }
    }

    @Test func `a change that was overtaken is refused whole`() async throws {
        try await withStore { store, _ in
            let now = Timestamp(microseconds: 1)
            let record = DefinitionRecord(
                kind: .workflow, id: "w", version: 1, status: .draft, body: [1], contentHash: "h", createdAt: now,
                updatedAt: now)

            let generation = try await store.commit(DefinitionChange(puts: [record]), expecting: 0)
            #expect(generation == 1)
            await #expect(throws: StorageFailure.conflict) {
                try await store.commit(DefinitionChange(removals: [.init(kind: .workflow, id: "w")]), expecting: 0)
            }
            let kept = try await store.loadDefinitions()
            #expect(kept == DefinitionSnapshot(generation: 1, records: [record]))
        }
    }

    @Test func `a second process is kept off the same file`() async throws {
        try await withStore { _, url in
            await #expect(throws: StorageFailure.self) { try await SQLiteStore.open(url: url) }
        }
    }
}
