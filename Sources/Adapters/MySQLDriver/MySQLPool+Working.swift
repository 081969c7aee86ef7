package import Storage
import Vocabulary

/// Statements and transactions of the store.
extension MySQLPool {
    /// How often work that the server undid is tried again.
    private static let mostTries = 6

    /// Runs statements in one transaction. Deadlocks, lock waits, and losses before the commit was sent are tried again.
    /// - Parameter canRepeat: running it twice does what running it once does: it is also tried again after a loss.
    /// - Returns: the answer of each statement.
    @discardableResult
    package func run(
        _ statements: [MySQLStatement], canRepeat: Bool = false
    ) async throws(StorageFailure) -> [MySQLTable] {
        guard let first = statements.first else { return [] }
        let terms = terms
        return try await trying(canRepeat: canRepeat) { connection throws(MySQLFailure) in
            guard statements.count > 1 else { return [try await connection.execute(first, terms)] }
            return try await connection.transaction { connection throws(MySQLFailure) in
                try await connection.part(statements, terms, self)
            }
        }
    }

    /// Runs statements that change nothing, as of one moment where there is more than one.
    package func read(_ statements: [MySQLStatement]) async throws(StorageFailure) -> [MySQLTable] {
        guard statements.count > 1 else { return try await run(statements, canRepeat: true) }
        let terms = terms
        return try await trying(canRepeat: true) { connection throws(MySQLFailure) in
            // Of the next transaction only.
            try await connection.command("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            return try await connection.transaction { connection throws(MySQLFailure) in
                try await connection.part(statements, terms, self)
            }
        }
    }

    /// Runs `body` in a transaction of its own: as a whole or not at all. It may be run several times.
    package func transaction<Result: Sendable>(
        _ body: @Sendable (MySQLTransaction) async throws(StorageFailure) -> Result
    ) async throws(StorageFailure) -> Result {
        let terms = terms
        return try await trying(canRepeat: false) { connection throws(MySQLFailure) in
            let transaction = MySQLTransaction(connection: connection, terms: terms, pool: self)
            return try await connection.transaction { _ throws(MySQLFailure) in
                do throws(StorageFailure) { return Outcome.done(try await body(transaction)) } catch {
                    // The database's own word, or that of whoever wrote the body.
                    if let failure = await transaction.lastFailure, failure.storage == error { throw failure }
                    return .givenUp(error)
                }
            } commitsIf: {
                if case .done = $0 { true } else { false }
            }
        }.get()
    }

    private enum Outcome<Result: Sendable>: Sendable {
        case done(Result)
        case givenUp(StorageFailure)

        func get() throws(StorageFailure) -> Result {
            switch self {
            case .done(let result): return result
            case .givenUp(let failure): throw failure
            }
        }
    }

    private nonisolated var terms: MySQLTerms {
        MySQLTerms(timeout: UInt64(limits.statementMilliseconds) * 1_000_000)
    }

    /// 2 ms, twice as much each time, half of it by chance: those that met must not meet again.
    private func trying<Result: Sendable>(
        canRepeat: Bool, _ body: @Sendable (isolated MySQLConnection) async throws(MySQLFailure) -> Result
    ) async throws(StorageFailure) -> Result {
        var tries = 0
        while true {
            let connection: MySQLConnection
            // Whoever got none has waited long enough.
            do throws(MySQLFailure) { connection = try await seat(until: nil) } catch { throw error.storage }
            do throws(MySQLFailure) {
                defer { leave(connection.id) }
                return try await connection.turn(until: statementDeadline, body)
            } catch {
                tries += 1
                let isWorthIt = error.wasUndone || canRepeat && error.kind == .lost
                guard isWorthIt, error.kind != .timedOut, tries < Self.mostTries, !Task.isCancelled else {
                    throw error.storage
                }
                noteRetry()
                // Cut short by cancellation, the next try says so.
                try? await Task.sleep(for: Duration.milliseconds(2 << tries) * Double.random(in: 0.5...1))
            }
        }
    }
}

/// A transaction under way, on a connection of its own.
package struct MySQLTransaction: Sendable {
    let connection: MySQLConnection
    let terms: MySQLTerms
    let pool: MySQLPool

    /// Statements, one after the other. After one that fails, the transaction can only be given up.
    /// - Returns: the answer of each.
    @discardableResult
    package func run(_ statements: [MySQLStatement]) async throws(StorageFailure) -> [MySQLTable] {
        do throws(MySQLFailure) { return try await connection.part(statements, terms, pool) } catch {
            throw error.storage
        }
    }

    var lastFailure: MySQLFailure? { get async { await connection.lastFailure } }
}

extension MySQLConnection {
    func part(
        _ statements: [MySQLStatement], _ terms: MySQLTerms, _ pool: MySQLPool
    ) async throws(MySQLFailure) -> [MySQLTable] {
        lastFailure = nil
        do throws(MySQLFailure) {
            var tables: [MySQLTable] = []
            for statement in statements {
                extend(until: pool.statementDeadline)
                tables.append(try await execute(statement, terms))
            }
            return tables
        } catch {
            lastFailure = error
            throw error
        }
    }

    /// - Parameter commitsIf: whether what came out is to be kept.
    func transaction<Result: Sendable>(
        _ body: @Sendable (isolated MySQLConnection) async throws(MySQLFailure) -> Result,
        commitsIf: @Sendable (Result) -> Bool = { _ in true }
    ) async throws(MySQLFailure) -> Result {
        let result: Result
        do throws(MySQLFailure) {
            try await command("START TRANSACTION")
            result = try await body(self)
        } catch {
            var failure = error
            // A transaction that was not committed is undone by whoever finds its connection gone.
            failure.isUndone = failure.isUndone || failure.kind == .lost
            if !isGivenUp { await rollBack() }
            throw failure
        }
        if commitsIf(result) { try await command("COMMIT") } else { await rollBack() }
        return result
    }

    /// A connection that cannot even do that is of no use to anybody.
    private func rollBack() async {
        do throws(MySQLFailure) { try await command("ROLLBACK") } catch { discard() }
    }
}
