package import ConnectionPooling
import PostgresDriver
package import Storage
import Vocabulary

/// Everything that must survive, in one PostgreSQL database, which many instances share.
package final class PostgresStore: DurableStore {
    let pool: PostgresPool

    private init(_ pool: PostgresPool) { self.pool = pool }

    /// Opens the database and brings its schema up to date.
    /// - Parameter url: as libpq reads it: `postgres://user@host/database?sslmode=verify-full`.
    package static func open(url: String, limits: PoolLimits = PoolLimits()) async throws(StorageFailure)
        -> PostgresStore
    {
        guard url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") else {
            throw .broken("storage.url must begin with `postgres://`.")
        }
        let pool = PostgresPool(url: url, limits: limits)
        do throws(StorageFailure) { try await PostgresSchema.migrate(pool) } catch {
            await pool.close()
            throw error
        }
        return PostgresStore(pool)
    }

    /// Looks at a database without changing it.
    /// - Returns: the version of its schema, 0 where there is none, and the newest this program knows.
    package static func inspect(url: String) async throws(StorageFailure) -> (version: Int, known: Int) {
        let pool = PostgresPool(url: url)
        do throws(StorageFailure) {
            let table = PostgresStatement("SELECT to_regclass('schema_versions') IS NOT NULL")
            var version = 0
            if try await pool.run([table], canRepeat: true)[0].first?.bool(0) == true {
                let newest = PostgresStatement("SELECT coalesce(max(version), 0) FROM schema_versions")
                version = Int(try await pool.run([newest], canRepeat: true)[0].first?.integer(0) ?? 0)
            }
            await pool.close()
            return (version, PostgresSchema.migrations.count)
        } catch {
            await pool.close()
            throw error
        }
    }

    /// What its pool did so far; for metrics.
    package var figures: PoolFigures { pool.figures }

    package func ping() async throws(StorageFailure) { _ = try await read("SELECT 1") }

    package func backUp(to file: String) async throws(StorageFailure) {
        throw .broken(
            "A PostgreSQL database is backed up with PostgreSQL's own tools, such as pg_dump or pg_basebackup.")
    }

    package func close() async { await pool.close() }

    /// One statement that changes nothing: asked again when its connection was lost.
    func read(_ sql: String, _ values: [PostgresValue] = []) async throws(StorageFailure) -> PostgresTable {
        try await pool.run([PostgresStatement(sql, values)], canRepeat: true)[0]
    }

    /// One statement that writes.
    /// - Returns: how many rows it changed.
    func change(_ sql: String, _ values: [PostgresValue] = []) async throws(StorageFailure) -> Int {
        try await pool.run([PostgresStatement(sql, values)])[0].affected
    }

    /// Raises the generation called `name` in a transaction, if it is still `generation`.
    static func raise(
        _ name: String, from generation: Int64, _ transaction: PostgresTransaction
    ) async throws(StorageFailure) {
        let sql = "UPDATE numbers SET value = value + 1 WHERE name = $1 AND value = $2"
        let moved = try await transaction.run([PostgresStatement(sql, [.text(name), .integer(generation)])])
        guard moved[0].affected == 1 else { throw .conflict }
    }
}

extension PostgresRow {
    func time(_ place: Int) -> Timestamp { Timestamp(microseconds: integer(place)) }
    func optionalTime(_ place: Int) -> Timestamp? { optionalInteger(place).map(Timestamp.init(microseconds:)) }
}

extension PostgresValue {
    static func time(_ value: Timestamp?) -> PostgresValue { .integer(value?.microseconds) }
}
