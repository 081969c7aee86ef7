import ConnectionPooling
import PostgresDriver
import RealServices
import Storage
import StorageConformance
import StoragePostgres
import Testing
import Vocabulary

/// The same promises through PgBouncer in transaction mode, where each transaction may find itself in another session.
@Suite struct PooledPostgresStoreTests {
    private func database() throws -> String {
        try RealPgBouncer.shared().url(through: RealPostgres.shared().makeDatabase())
    }

    @Test(arguments: StorageConformance.promises.keys.sorted())
    func `PostgreSQL behind PgBouncer keeps the promise`(_ promise: String) async throws {
        let url = try database()
        try await StorageConformance(of: { try await PostgresStore.open(url: url) }).verify(promise)
    }

    @Test func `instances that start together behind a pooler bring the schema up to date once`() async throws {
        let url = try database()
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
}
