package import Storage

/// A transaction under way, on a connection of its own.
package struct PostgresTransaction: Sendable {
    let connection: PostgresConnection

    /// Statements that go out in one piece. After the first that fails, the transaction can only be given up.
    /// - Returns: the answer of each.
    @discardableResult
    package func run(_ statements: [PostgresStatement]) async throws(StorageFailure) -> [PostgresTable] {
        switch await connection.run(statements, isWhole: false, endsOnCancellation: true) {
        case .success(let tables): return tables
        case .failure(let failure): throw failure.storage
        }
    }
}
