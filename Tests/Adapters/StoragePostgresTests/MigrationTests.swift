import PostgresDriver
import RealServices
import Storage
import StorageSQL
import Testing
import Vocabulary

@testable import StoragePostgres

@Suite struct PostgresMigrationTests {
    @Test func `many that start at once on an empty database all come up, and each migration is applied once`()
        async throws
    {
        let url = try RealPostgres.shared().makeDatabase()
        let applied = try await withThrowingTaskGroup(of: [Int].self) { group in
            for _ in 0..<6 {
                group.addTask {
                    let driver = PostgresStoreDriver.patient(url: url)
                    let applied = try await Migrator(driver).up()
                    await driver.close()
                    return applied
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let driver = PostgresStoreDriver.patient(url: url)
        let states = try await Migrator(driver).states()
        await driver.close()

        #expect(applied.sorted() == Array(1...PostgresSchema.migrations.count))
        #expect(states.map(\.kind) == applied.map { _ in .applied })
    }

    @Test func `a migration that was changed after it was applied is refused`() async throws {
        let url = try RealPostgres.shared().makeDatabase()
        await (try PostgresStore.open(url: url)).close()
        let driver = PostgresStoreDriver.patient(url: url)
        _ = try await driver.run(
            [StoreStatement("UPDATE schema_migrations SET checksum = 'other' WHERE version = 1")], canRepeat: false)
        let states = try await Migrator(driver).states()
        await driver.close()

        #expect(states.first?.kind == .differs)
        await #expect(throws: StorageFailure.self) { try await PostgresStore.open(url: url) }
    }

    @Test func `what somebody else did to the schema is seen`() async throws {
        let url = try RealPostgres.shared().makeDatabase()
        let store = try await PostgresStore.open(url: url)
        let sound = try await store.driver.structure()
        _ = try await store.driver.run(
            [
                "DROP INDEX occurrences_time", "ALTER TABLE audit ADD COLUMN note text", "CREATE TABLE theirs (n int)",
                "ALTER TABLE admin_keys ALTER COLUMN prefix DROP NOT NULL",
            ].map { StoreStatement($0) }, canRepeat: false)
        let changed = try await store.driver.structure()
        await store.close()

        #expect(!sound.wanted.isEmpty && sound.missing == [] && sound.added == [])
        #expect(
            changed.missing == [
                "column admin_keys.prefix text not null",
                "index occurrences CREATE INDEX occurrences_time ON occurrences USING btree (scheduled_for)",
            ])
        #expect(changed.added == ["column admin_keys.prefix text", "column audit.note text"])
    }
}
