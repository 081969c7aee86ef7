import Foundation
import RealServices
import Storage
import Synchronization
import Testing
import Vocabulary

@testable import StoragePostgres
@testable import StorageSQL
@testable import StorageSQLite

/// Copies between the databases there are, in both directions.
@Suite struct StoreCopyTests {
    private func withFile(_ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body("sqlite:\(folder.path)/weir.db")
    }

    /// Something of everything, with what is easily lost: nulls, empty texts, bytes of every kind, many scripts.
    private func fill(_ store: some DurableStore, traces: Int) async throws {
        let now = Timestamp(microseconds: 1_790_000_000_123_456)
        let audit = AuditRecord(
            id: .make(at: now), principal: "ü", action: "a", resourceType: "t", resourceID: "", details: [0, 255],
            createdAt: now)
        let definitions = (0..<30).map { number in
            DefinitionRecord(
                kind: DefinitionKind.allCases[number % 3], id: "id-\(number)-Ä", version: number + 1,
                status: .active, rolloutPercentage: number, body: Array("{\"n\":\(number)}".utf8),
                contentHash: "sha256:\(number)", createdAt: now, updatedAt: now)
        }
        _ = try await store.commit(DefinitionChange(puts: definitions, audit: [audit]), expecting: 0)
        let key = AdminKeyRecord(
            id: "k", name: "日本", scope: .draft, prefix: "w", hash: [1, 0, 2], createdAt: now, expiresAt: nil,
            lastUsedAt: now)
        _ = try await store.commit(AdminKeyChange(put: key), expecting: 0)
        let records = (0..<traces).map { number in
            TraceRecord(
                id: .make(at: now + .milliseconds(number)), channelID: "c", channel: "c", mode: .async,
                status: TraceStatus.allCases[number % 4],
                input: Array(repeating: UInt8(number % 256), count: number % 40),
                isDead: number % 7 == 0, owner: "", epoch: Int64(number), dueAt: now, createdAt: now,
                startedAt: number % 2 == 0 ? nil : now, completedAt: number % 3 == 0 ? now : nil)
        }
        _ = try await store.write(inserts: records, settlements: [])
        var entries = LedgerEntries()
        entries.inserts = [
            OccurrenceRecord(
                id: .make(at: now), channelID: "c", channel: "c", scheduledFor: now, isManual: true, status: .pending,
                key: "k", createdAt: now)
        ]
        entries.cursors = ["c": now]
        _ = try await store.record(entries, epoch: nil)
    }

    @Test func `there and back again nothing is lost`() async throws {
        let url = try RealPostgres.shared().makeDatabase()
        try await withFile { from in
            try await withFile { back in
                let store = try await SQLiteStore.open(url: from)
                try await fill(store, traces: 1203)
                // As if six had led one after the other.
                try await store.driver.writer.execute(
                    "UPDATE numbers SET value = 6 WHERE name = 'schedule_epoch'")
                await store.close()
                let (left, middle) = (
                    try await SQLiteStoreDriver.forWriting(url: from), PostgresStoreDriver.patient(url: url)
                )
                let there = try await StoreCopy(from: left, to: middle).run { _ in }
                let right = try await SQLiteStoreDriver.forWriting(url: back)
                let epoch = StoreStatement("SELECT epoch FROM leadership")
                let led = try await middle.read([epoch])[0].first?.integer(0)
                let again = try await StoreCopy(from: middle, to: right).run { _ in }
                for driver in [left, right] { await driver.close() }
                await middle.close()
                let first = try await SQLiteStore.open(url: from)
                let last = try await SQLiteStore.open(url: back)

                #expect(there == again && led == 6)
                #expect(there.map(\.name) == TableShape.all.map(\.name))
                #expect(there.first { $0.name == "traces" }?.rows == 1203)
                #expect(try await first.loadDefinitions() == last.loadDefinitions())
                #expect(try await first.loadAdminKeys() == last.loadAdminKeys())
                #expect(try await first.openOccurrences() == last.openOccurrences())
                let filter = TraceFilter()
                let ids = try await first.traces(filter, before: nil, limit: 2000, offset: 0, ascending: true).map(\.id)
                for id in ids.prefix(50) { #expect(try await first.trace(id) == last.trace(id)) }
                await first.close()
                await last.close()
            }
        }
    }

    @Test func `a copy that was interrupted is opened by nobody, and begins anew`() async throws {
        let url = try RealPostgres.shared().makeDatabase()
        try await withFile { from in
            let store = try await SQLiteStore.open(url: from)
            try await fill(store, traces: 900)
            await store.close()
            let source = try await SQLiteStoreDriver.forWriting(url: from)
            let target = PostgresStoreDriver.patient(url: url)
            let copying = Mutex<Task<[CopiedTable], any Error>?>(nil)
            let copy = StoreCopy(from: source, to: target, batch: 50)
            let task = Task {
                try await copy.run { step in
                    if case .copying("traces", rows: 200) = step { copying.withLock { $0?.cancel() } }
                }
            }
            copying.withLock { $0 = task }
            await #expect(throws: StorageFailure.self) { try await task.value }
            let half = try await target.read([StoreStatement("SELECT count(*) FROM traces")])[0].first?.integer(0)
            #expect((200..<900).contains(half ?? 0))
            await #expect(throws: StorageFailure.self) { try await PostgresStore.open(url: url) }

            let began = Mutex(false)
            let tables = try await copy.run { step in if step == .beganAgain { began.withLock { $0 = true } } }
            // What is not empty and not of such a copy stays as it is.
            await #expect(throws: StorageFailure.conflict) { try await copy.run { _ in } }
            await source.close()
            await target.close()
            let opened = try await PostgresStore.open(url: url)
            #expect(try await opened.countTraces(TraceFilter()) == 900)
            await opened.close()

            #expect(began.withLock { $0 } && tables.first { $0.name == "traces" }?.rows == 900)
        }
    }
}
