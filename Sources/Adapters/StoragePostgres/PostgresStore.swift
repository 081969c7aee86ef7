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
        url: String, limits: PoolLimits = PoolLimits()
    ) async throws(StorageFailure) -> PostgresStore {
        guard url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") else {
            throw .broken("storage.url must begin with `postgres://`.")
        }
        let driver = PostgresStoreDriver(pool: PostgresPool(url: url, limits: limits), url: url)
        do throws(StorageFailure) { try await Migrator(driver).up() } catch {
            await driver.close()
            throw error
        }
        return PostgresStore(driver)
    }

    /// Looks at a database without changing it.
    /// - Returns: the version of its schema, 0 where there is none, and the newest this program knows.
    package static func inspect(url: String) async throws(StorageFailure) -> (version: Int, known: Int) {
        let driver = PostgresStoreDriver(pool: PostgresPool(url: url), url: url)
        do throws(StorageFailure) {
            let states = try await Migrator(driver).states()
            await driver.close()
            return (states.last { $0.kind != .pending }?.version ?? 0, PostgresSchema.migrations.count)
        } catch {
            await driver.close()
            throw error
        }
    }

    /// What its pool did so far; for metrics.
    package var figures: PoolFigures { driver.pool.figures }
}
