package import ConnectionPooling
package import MySQLDriver
package import Storage
package import StorageSQL

/// Reaches MariaDB or MySQL for the store.
package struct MySQLStoreDriver: StoreDriver, PoolReporting {
    let pool: MySQLPool
    /// Heartbeats have a connection of their own: they must not stand behind anything, nor wait long for a word.
    let beats: MySQLPool

    init(_ address: MySQLAddress, limits: PoolLimits) {
        pool = MySQLPool(address, limits: limits)
        var few = PoolLimits()
        few.mostConnections = 1
        few.wait = 1_000_000_000
        few.statementMilliseconds = 1000
        few.openSeconds = 2
        beats = MySQLPool(address, limits: few)
    }

    package var dialect: any Dialect { MySQLDialect() }
    package var figures: PoolFigures { pool.figures }

    package func run(
        _ statements: [StoreStatement], canRepeat: Bool
    ) async throws(StorageFailure) -> [MySQLTable] {
        try await pool.run(statements.map { MySQLStatement($0) }, canRepeat: canRepeat)
    }

    package func read(_ statements: [StoreStatement]) async throws(StorageFailure) -> [MySQLTable] {
        try await pool.read(statements.map { MySQLStatement($0) })
    }

    package func transaction<Result: Sendable>(
        _ body: @Sendable (MySQLTransaction) async throws(StorageFailure) -> Result
    ) async throws(StorageFailure) -> Result {
        try await pool.transaction(body)
    }

    package func backUp(to file: String) async throws(StorageFailure) {
        throw .broken(
            "A MySQL database is backed up with its own tools, such as mariadb-backup or mysqldump --single-transaction."
        )
    }

    package func pulse(_ statements: [StoreStatement]) async throws(StorageFailure) -> [MySQLTable] {
        try await beats.run(statements.map { MySQLStatement($0) }, canRepeat: true)
    }

    package func close() async {
        await beats.close()
        await pool.close()
    }
}

extension MySQLTransaction: StoreTransaction {
    package func run(_ statements: [StoreStatement]) async throws(StorageFailure) -> [MySQLTable] {
        try await run(statements.map { MySQLStatement($0) })
    }
}

extension MySQLTable: StoreTable {}
extension MySQLRow: StoreRow {}

extension MySQLStatement {
    init(_ statement: StoreStatement) {
        self.init(statement.sql, statement.values.map(MySQLValue.init))
    }
}

extension MySQLValue {
    init(_ value: StoreValue) {
        self =
            switch value {
            case .null: .null
            case .integer(let value): .integer(value)
            case .real(let value): .real(value)
            case .bool(let value): .integer(value ? 1 : 0)
            case .text(let value): .text(value)
            case .bytes(let value): .bytes(value)
            case .uuid(let value): .uuid(value)
            // The dialect spreads lists out: none comes here.
            case .texts, .uuids: .null
            }
    }
}
