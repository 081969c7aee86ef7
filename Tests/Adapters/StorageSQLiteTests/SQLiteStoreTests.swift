import Foundation
import SQLiteDriver
import Storage
import StorageConformance
import StorageSQLite
import Testing
import Vocabulary

@Suite struct SQLiteStoreTests {
    /// A folder of its own, which goes afterwards.
    private func withFolder(_ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body("sqlite:\(folder.path)/weir.db")
    }

    @Test(arguments: StorageConformance.promises.keys.sorted())
    func `SQLite keeps the promise`(_ promise: String) async throws {
        try await withFolder { url in
            try await StorageConformance(of: { try await SQLiteStore.open(url: url) }).verify(promise)
        }
    }

    @Test func `a second process is kept off the same file`() async throws {
        try await withFolder { url in
            let store = try await SQLiteStore.open(url: url)
            await #expect(throws: StorageFailure.self) { try await SQLiteStore.open(url: url) }
            await store.close()
        }
    }

    @Test func `what was committed is there after the file is opened again`() async throws {
        try await withFolder { url in
            let now = Timestamp(microseconds: 1)
            let record = DefinitionRecord(
                kind: .channel, id: "c", version: 1, status: .active, body: [1], contentHash: "h", createdAt: now,
                updatedAt: now)
            let first = try await SQLiteStore.open(url: url)
            _ = try await first.commit(DefinitionChange(puts: [record]), expecting: 0)
            await first.close()

            let second = try await SQLiteStore.open(url: url)
            let loaded = try await second.loadDefinitions()
            await second.close()

            #expect(loaded == DefinitionSnapshot(generation: 1, records: [record]))
        }
    }

    @Test func `a file from before there were schedules and keys is brought up to date`() async throws {
        try await withFolder { url in
            let now = Timestamp(microseconds: 1_000)
            let trace = TraceRecord(
                id: .make(at: now), channelID: "c", channel: "c", mode: .async, status: .pending, input: [1],
                owner: "dead", epoch: 1, dueAt: now, createdAt: now)
            let old = try await SQLiteStore.open(url: url)
            _ = try await old.write(inserts: [trace], settlements: [])
            await old.close()
            let connection = SQLiteConnection(label: "test")
            try await connection.open(String(url.dropFirst(7)), readOnly: false)
            try await connection.execute(
                """
                DROP TABLE occurrences; DROP TABLE schedule_cursors; DROP TABLE admin_keys;
                DROP TABLE schema_migrations;
                DELETE FROM numbers WHERE name IN ('schedule_epoch', 'admin_keys');
                PRAGMA user_version = 2;
                """)
            await connection.close()

            let store = try await SQLiteStore.open(url: url)
            let me = InstanceRecord(id: "me", version: "", address: "")
            let epoch = try await store.beat(me, ttl: .seconds(60), candidacy: .open).epoch
            let leased = try await store.lease(limit: 1, owner: "me", patience: .seconds(60), now: now, unserved: [])
            let open = try await store.openOccurrences()
            let keys = try await store.loadAdminKeys()
            await store.close()

            #expect(epoch == 1 && open.isEmpty && leased.map(\.id) == [trace.id])
            #expect(keys == AdminKeySnapshot(generation: 0, records: []))
        }
    }

    @Test func `a file of a newer program is left alone`() async throws {
        try await withFolder { url in
            let store = try await SQLiteStore.open(url: url)
            await store.close()
            let path = String(url.dropFirst(7))
            // The version is a big-endian number at byte 60 of the header (SQLite file format, section 1.3.15).
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
            try file.seek(toOffset: 60)
            try file.write(contentsOf: Data([0, 0, 0, 99]))
            try file.close()

            await #expect(throws: StorageFailure.self) { try await SQLiteStore.open(url: url) }
        }
    }
}
