package import ConnectionPooling
import PostgresDriver
package import Storage
package import StorageSQL

/// Everything that must survive, in one PostgreSQL database, which many instances share.
package typealias PostgresStore = SQLStore<PostgresStoreDriver>

extension SQLStore where Driver == PostgresStoreDriver {
    /// Opens the database and brings its schema up to date.
    /// - Parameter url: as libpq reads it: `postgres://user@host/database?sslmode=verify-full`.
    package static func open(
        url: String, limits: PoolLimits = PoolLimits(), partitions: PartitionLimits = PartitionLimits()
    ) async throws(StorageFailure) -> PostgresStore {
        guard url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") else {
            throw .broken("storage.url must begin with `postgres://`.")
        }
        try await PostgresStoreDriver.withMigrating(url: url) { driver throws(StorageFailure) in
            _ = try await Migrator(driver).up()
        }
        let driver = PostgresStoreDriver(
            pool: PostgresPool(url: url, limits: limits), url: url, partitions: partitions)
        do throws(StorageFailure) {
            try await CopyMark.refuse(driver)
            try await driver.prepare()
        } catch {
            await driver.close()
            throw error
        }
        return PostgresStore(driver)
    }

    /// Looks at a database without changing it.
    /// - Returns: the version of its schema, 0 where there is none, and the newest this program knows.
    package static func inspect(url: String) async throws(StorageFailure) -> (version: Int, known: Int) {
        let states = try await PostgresStoreDriver.withMigrating(url: url) { driver throws(StorageFailure) in
            try await Migrator(driver).states()
        }
        return (states.last { $0.kind != .pending }?.version ?? 0, PostgresSchema.migrations.count)
    }
}

extension PostgresStoreDriver {
    /// For migrating, looking and copying: a few connections whose statements may take an hour, as some have to read all
    /// there is.
    package static func patient(url: String) -> PostgresStoreDriver {
        var limits = PoolLimits()
        limits.mostConnections = 2
        limits.statementMilliseconds = 3_600_000
        return PostgresStoreDriver(pool: PostgresPool(url: url, limits: limits), url: url)
    }

    static func withMigrating<Result: Sendable>(
        url: String, _ body: (PostgresStoreDriver) async throws(StorageFailure) -> Result
    ) async throws(StorageFailure) -> Result {
        let driver = patient(url: url)
        do throws(StorageFailure) {
            let result = try await body(driver)
            await driver.close()
            return result
        } catch {
            await driver.close()
            throw error
        }
    }
}
