import PostgresDriver
import RealServices
import Storage
import StorageConformance
import StoragePostgres
import Testing
import Vocabulary

@Suite struct PostgresStoreTests {
    @Test(arguments: StorageConformance.promises.keys.sorted())
    func `PostgreSQL keeps the promise`(_ promise: String) async throws {
        let url = try RealPostgres.shared().makeDatabase()
        try await StorageConformance(of: { try await PostgresStore.open(url: url) }).verify(promise)
    }

    @Test func `instances that start together bring the schema up to date once`() async throws {
        let url = try RealPostgres.shared().makeDatabase()
        let stores = try await withThrowingTaskGroup(of: PostgresStore.self) { group in
            for _ in 0..<4 { group.addTask { try await PostgresStore.open(url: url) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for store in stores {
            try await store.ping()
            await store.close()
        }

        #expect(stores.count == 4)
    }

    @Test func `a database of a newer program is left alone`() async throws {
        let url = try RealPostgres.shared().makeDatabase()
        await (try PostgresStore.open(url: url)).close()
        let pool = PostgresPool(url: url)
        try await pool.run([PostgresStatement("INSERT INTO schema_versions VALUES (99)")])
        await pool.close()

        await #expect(throws: StorageFailure.self) { try await PostgresStore.open(url: url) }
    }

    @Test func `two instances never lease the same trace`() async throws {
        let url = try RealPostgres.shared().makeDatabase()
        let (first, second) = (try await PostgresStore.open(url: url), try await PostgresStore.open(url: url))
        let now = Timestamp(microseconds: 1_000)
        let records = (0..<200).map { _ in
            TraceRecord(
                id: .make(at: now), channelID: "c", channel: "c", mode: .async, status: .pending, dueAt: now,
                createdAt: now)
        }
        _ = try await first.write(inserts: records, settlements: [])
        for name in ["a", "b"] {
            let record = InstanceRecord(id: name, version: "", address: "")
            _ = try await first.beat(record, ttl: .seconds(60), candidacy: .none)
        }

        let leased = try await withThrowingTaskGroup(of: [Identifier].self) { group in
            for (store, name) in [(first, "a"), (second, "b")] {
                for _ in 0..<10 {
                    group.addTask {
                        try await store.lease(
                            limit: 20, owner: name, patience: .seconds(60), now: now, unserved: []
                        ).map(\.id)
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        await first.close()
        await second.close()

        #expect(Set(leased).count == leased.count && leased.count <= 200 && leased.count >= 20)
    }
}
