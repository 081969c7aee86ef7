import ConnectionPooling
import MySQLDriver
import RealServices
import Storage
import StorageConformance
import StorageMySQL
import Testing
import Vocabulary

@Suite struct MySQLStoreTests {
    @Test(arguments: StorageConformance.promises.keys.sorted())
    func `MariaDB keeps the promise`(_ promise: String) async throws {
        let url = try RealMariaDB.shared().makeDatabase()
        try await StorageConformance(of: { try await MySQLStore.open(url: url) }).verify(promise)
    }

    @Test func `instances that start together bring the schema up to date once`() async throws {
        let url = try RealMariaDB.shared().makeDatabase()
        let stores = try await withThrowingTaskGroup(of: MySQLStore.self) { group in
            for _ in 0..<4 { group.addTask { try await MySQLStore.open(url: url) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for store in stores {
            try await store.ping()
            await store.close()
        }
        let found = try await MySQLStore.inspect(url: url)

        #expect(stores.count == 4 && found.version == found.known)
    }

    @Test func `a database of a newer program is left alone`() async throws {
        let url = try RealMariaDB.shared().makeDatabase()
        await (try MySQLStore.open(url: url)).close()
        let pool = MySQLPool(try MySQLAddress(url))
        try await pool.run([MySQLStatement("INSERT INTO schema_migrations VALUES (99, 'x', 0)")])
        await pool.close()

        let failure = await #expect(throws: StorageFailure.self) { try await MySQLStore.open(url: url) }
        #expect(failure?.sentence.contains("newer Weir") == true)
    }

    @Test func `a migration that was interrupted is finished by the next start`() async throws {
        let url = try RealMariaDB.shared().makeDatabase()
        await (try MySQLStore.open(url: url)).close()
        let pool = MySQLPool(try MySQLAddress(url))
        for sql in ["DELETE FROM schema_migrations", "DROP TABLE admin_keys", "DROP TABLE schedule_cursors"] {
            try await pool.run([MySQLStatement(sql)])
        }
        await pool.close()

        let store = try await MySQLStore.open(url: url)
        let keys = try await store.loadAdminKeys()
        await store.close()

        #expect(keys == AdminKeySnapshot(generation: 0, records: []))
    }

    @Test func `two instances never lease the same trace, and neither waits for the other`() async throws {
        let url = try RealMariaDB.shared().makeDatabase()
        let (first, second) = (try await MySQLStore.open(url: url), try await MySQLStore.open(url: url))
        let now = Timestamp(microseconds: 1_000)
        let records = (0..<200).map { _ in
            TraceRecord(
                id: .make(at: now), channelID: "c", channel: "c", mode: .async, status: .pending, dueAt: now,
                createdAt: now)
        }
        _ = try await first.write(inserts: records, settlements: [])

        let leased = try await withThrowingTaskGroup(of: [Identifier].self) { group in
            for (store, name) in [(first, "a"), (second, "b")] {
                for _ in 0..<10 {
                    group.addTask {
                        try await store.lease(limit: 20, owner: name, patience: nil, now: now, unserved: []).map(\.id)
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        await first.close()
        await second.close()

        #expect(Set(leased).count == leased.count && leased.count <= 200 && leased.count >= 20)
    }

    @Test func `texts that differ in case, accents or blanks are different`() async throws {
        let url = try RealMariaDB.shared().makeDatabase()
        let store = try await MySQLStore.open(url: url)
        let now = Timestamp(microseconds: 1)
        let names = ["a", "A", "á", "ß", "ss"]
        let records = names.map { name in
            DefinitionRecord(
                kind: .channel, id: name, version: 1, status: .active, body: Array(name.utf8), contentHash: "h",
                createdAt: now, updatedAt: now)
        }
        _ = try await store.commit(DefinitionChange(puts: records), expecting: 0)
        let loaded = try await store.loadDefinitions()
        await store.close()

        #expect(Set(loaded.records.map(\.id)) == Set(names))
    }

    @Test func `a URL without a database is refused`() async throws {
        let failure = await #expect(throws: StorageFailure.self) {
            try await MySQLStore.open(url: RealMariaDB.shared().url())
        }
        #expect(failure?.sentence.contains("must name a database") == true)
    }
}
