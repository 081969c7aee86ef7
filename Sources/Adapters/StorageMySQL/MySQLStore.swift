package import ConnectionPooling
import MySQLDriver
package import Storage
package import StorageSQL

/// Everything that must survive, in one MariaDB or MySQL database, which many instances share.
package typealias MySQLStore = SQLStore<MySQLStoreDriver>

extension SQLStore where Driver == MySQLStoreDriver {
    /// Opens the database and brings its schema up to date.
    /// - Parameter url: `mysql://user:password@host/database`; see ``MySQLAddress``.
    package static func open(
        url: String, limits: PoolLimits = PoolLimits()
    ) async throws(StorageFailure) -> MySQLStore {
        try await MySQLStoreDriver.withMigrating(url: url) { driver throws(StorageFailure) in
            _ = try await Migrator(driver).up()
        }
        let driver = MySQLStoreDriver(try MySQLStoreDriver.address(url), limits: limits)
        do throws(StorageFailure) { try await CopyMark.refuse(driver) } catch {
            await driver.close()
            throw error
        }
        return MySQLStore(driver)
    }

    /// Looks at a database without changing it.
    /// - Returns: the version of its schema, 0 where there is none, and the newest this program knows.
    package static func inspect(url: String) async throws(StorageFailure) -> (version: Int, known: Int) {
        let states = try await MySQLStoreDriver.withMigrating(url: url) { driver throws(StorageFailure) in
            try await Migrator(driver).states()
        }
        return (states.last { $0.kind != .pending }?.version ?? 0, MySQLSchema.migrations.count)
    }
}

extension MySQLStoreDriver {
    /// For migrating, looking and copying: a few connections whose statements may take an hour, as some have to read all
    /// there is.
    package static func patient(url: String) throws(StorageFailure) -> MySQLStoreDriver {
        var limits = PoolLimits()
        limits.mostConnections = 2
        limits.statementMilliseconds = 3_600_000
        return MySQLStoreDriver(try address(url), limits: limits)
    }

    static func address(_ url: String) throws(StorageFailure) -> MySQLAddress {
        let address: MySQLAddress
        do throws(MySQLFailure) { address = try MySQLAddress(url) } catch { throw error.storage }
        guard !address.database.isEmpty else {
            throw .broken("storage.url must name a database: `mysql://user@host/database`.")
        }
        return address
    }

    static func withMigrating<Result: Sendable>(
        url: String, _ body: (MySQLStoreDriver) async throws(StorageFailure) -> Result
    ) async throws(StorageFailure) -> Result {
        let driver = try patient(url: url)
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
