package import ConnectionPooling
package import PostgresDriver
package import Storage
package import StorageSQL
package import Vocabulary

/// Reaches PostgreSQL for the store.
package struct PostgresStoreDriver: StoreDriver, PoolReporting {
    let pool: PostgresPool
    let partitions: PartitionLimits
    /// Heartbeats have a connection of their own: they must not stand behind anything, nor wait long for a word.
    let beats: PostgresPool

    init(pool: PostgresPool, url: String, partitions: PartitionLimits = PartitionLimits()) {
        self.pool = pool
        self.partitions = partitions
        var limits = PoolLimits()
        limits.mostConnections = 1
        limits.wait = 1_000_000_000
        limits.statementMilliseconds = 1000
        limits.openSeconds = 2
        beats = PostgresPool(url: url, limits: limits)
    }

    package var dialect: any Dialect { PostgresDialect() }
    package var figures: PoolFigures { pool.figures }

    package func run(
        _ statements: [StoreStatement], canRepeat: Bool
    ) async throws(StorageFailure) -> [PostgresTable] {
        try await pool.run(statements.map { PostgresStatement($0) }, canRepeat: canRepeat)
    }

    package func pulse(_ statements: [StoreStatement]) async throws(StorageFailure) -> [PostgresTable] {
        try await beats.run(statements.map { PostgresStatement($0) }, canRepeat: true)
    }

    package func listen(_ heard: @escaping @Sendable () -> Void) async {
        for await notification in pool.notifications(of: PostgresDialect.announcementChannel) {
            switch notification {
            case .listening, .message: heard()
            case .deaf: break  // tries go on; beats are the net
            }
        }
    }

    package func read(_ statements: [StoreStatement]) async throws(StorageFailure) -> [PostgresTable] {
        try await pool.read(statements.map { PostgresStatement($0) })
    }

    package func transaction<Result: Sendable>(
        _ body: @Sendable (PostgresTransaction) async throws(StorageFailure) -> Result
    ) async throws(StorageFailure) -> Result {
        try await pool.transaction(body)
    }

    package func backUp(to file: String) async throws(StorageFailure) {
        throw .broken(
            "A PostgreSQL database is backed up with PostgreSQL's own tools, such as pg_dump or pg_basebackup.")
    }

    package func prepare() async throws(StorageFailure) {
        try await TracePartitions(pool: pool, limits: partitions).makeAhead()
    }

    package func dropTraces(below id: Identifier, given fence: StoreFence) async throws(StorageFailure) -> Int {
        try await TracePartitions(pool: pool, limits: partitions).drop(below: id, given: fence)
    }

    package func close() async {
        await beats.close()
        await pool.close()
    }
}

extension PostgresTransaction: StoreTransaction {
    package func run(_ statements: [StoreStatement]) async throws(StorageFailure) -> [PostgresTable] {
        try await run(statements.map { PostgresStatement($0) })
    }
}

extension PostgresTable: StoreTable {}
extension PostgresRow: StoreRow {}

extension PostgresStatement {
    init(_ statement: StoreStatement) {
        self.init(statement.sql, statement.values.map(PostgresValue.init))
    }
}

extension PostgresValue {
    init(_ value: StoreValue) {
        self =
            switch value {
            case .null(.integer): .null(.integer)
            case .null(.real): .null(.real)
            case .null(.bool): .null(.bool)
            case .null(.text): .null(.text)
            case .null(.bytes): .null(.bytes)
            case .null(.uuid): .null(.uuid)
            case .integer(let value): .integer(value)
            case .real(let value): .real(value)
            case .bool(let value): .bool(value)
            case .text(let value): .text(value)
            case .bytes(let value): .bytes(value)
            case .uuid(let value): .uuid(value)
            case .texts(let values): .texts(values)
            case .uuids(let values): .uuids(values)
            }
    }
}
