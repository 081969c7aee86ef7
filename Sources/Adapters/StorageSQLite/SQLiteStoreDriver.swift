package import SQLiteDriver
package import Storage
package import StorageSQL

/// Reaches an SQLite file for the store: one connection writes; others read, so that a long list does not hold up a
/// commit.
package struct SQLiteStoreDriver: StoreDriver {
    let writer: SQLiteConnection
    let reader: SQLiteConnection
    let path: String
    /// Nil where nobody need be kept off.
    let lock: FileLock?

    package var dialect: any Dialect { SQLiteDialect() }

    package func run(_ statements: [StoreStatement], canRepeat: Bool) async throws(StorageFailure) -> [SQLiteTable] {
        try await writer.batch(statements)
    }

    package func read(_ statements: [StoreStatement]) async throws(StorageFailure) -> [SQLiteTable] {
        try await reader.snapshot(statements)
    }

    package func transaction<Result: Sendable>(
        _ body: @Sendable (SQLiteTransaction) async throws(StorageFailure) -> Result
    ) async throws(StorageFailure) -> Result {
        await writer.take()
        do throws(StorageFailure) {
            try await writer.execute("BEGIN IMMEDIATE")
            let result = try await body(SQLiteTransaction(connection: writer))
            try await writer.execute("COMMIT")
            await writer.release()
            return result
        } catch {
            await writer.rollBack()
            await writer.release()
            throw error
        }
    }

    package func close() async {
        await reader.close()
        await writer.close()
        lock?.release()
    }
}

/// A transaction under way on the connection that writes.
package struct SQLiteTransaction: StoreTransaction {
    let connection: SQLiteConnection

    @discardableResult
    package func run(_ statements: [StoreStatement]) async throws(StorageFailure) -> [SQLiteTable] {
        try await connection.answers(statements)
    }
}

extension SQLiteTable: StoreTable {}
extension SQLiteTableRow: StoreRow {}

extension SQLiteConnection {
    /// All of them or none, in their turn.
    func batch(_ statements: [StoreStatement]) async throws(StorageFailure) -> [SQLiteTable] {
        await take()
        defer { release() }
        return try transaction { connection throws(StorageFailure) in try connection.answers(statements) }
    }

    /// As of one moment.
    func snapshot(_ statements: [StoreStatement]) throws(StorageFailure) -> [SQLiteTable] {
        guard statements.count > 1 else { return try answers(statements) }
        try execute("BEGIN")
        defer { rollBack() }
        return try answers(statements)
    }

    func answers(_ statements: [StoreStatement]) throws(StorageFailure) -> [SQLiteTable] {
        var tables: [SQLiteTable] = []
        tables.reserveCapacity(statements.count)
        for statement in statements {
            tables.append(
                try answer(statement.sql) { binding in
                    var place: Int32 = 0
                    for value in statement.values {
                        place += 1
                        binding.bind(place, value)
                    }
                })
        }
        return tables
    }
}

extension SQLiteBinding {
    func bind(_ place: Int32, _ value: StoreValue) {
        switch value {
        case .null: null(place)
        case .integer(let value): integer(place, value)
        case .real(let value): real(place, value)
        case .bool(let value): integer(place, value ? 1 : 0)
        case .text(let value): text(place, value)
        case .bytes(let value): bytes(place, value)
        case .uuid(let value): identifier(place, value)
        case .texts, .uuids: preconditionFailure("SQLite has no lists: the dialect takes them apart.")
        }
    }
}
