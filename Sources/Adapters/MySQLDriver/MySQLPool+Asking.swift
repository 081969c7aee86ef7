import CMySQL
import Vocabulary

/// Statements of guests: somebody else's tables, each statement for itself.
extension MySQLPool {
    /// How often a statement that met another is tried again.
    private static let mostTries = 3

    /// Carries out one statement, which is a transaction of its own.
    ///
    /// A deadlock, which the server undoes, and what was lost before it was sent, are tried again while there is time; so
    /// is what only reads.
    package func ask(_ statement: MySQLStatement, _ terms: MySQLTerms) async throws(MySQLFailure) -> MySQLTable {
        let deadline = Stopwatch.nanoseconds() + terms.timeout
        var tries = 0
        while true {
            let connection = try await seat(until: deadline)
            do throws(MySQLFailure) {
                defer { leave(connection.id) }
                return try await connection.turn(until: deadline) { connection throws(MySQLFailure) in
                    try await connection.ask(statement, terms)
                }
            } catch {
                tries += 1
                let isHarmless = error.isUndone || error.code == 1213 || terms.onlyReads && error.kind == .lost
                guard isHarmless, tries < Self.mostTries, Stopwatch.nanoseconds() < deadline else { throw error }
                noteRetry()
            }
        }
    }
}

extension MySQLConnection {
    /// Rows beyond this the server need not look for; it knows no bound where it is not told one.
    private static let boundless = "DEFAULT"

    func ask(_ statement: MySQLStatement, _ terms: MySQLTerms) async throws(MySQLFailure) -> MySQLTable {
        do throws(MySQLFailure) { try await adopt(terms) } catch {
            var failure = error
            failure.isUndone = failure.kind == .lost
            throw failure
        }
        let table = try await execute(statement, terms)
        if terms.endsSession { discard() }
        if let handle, weir_server_status(handle) & weir_in_transaction != 0 {
            discard()
            throw .refused("the statement begins a transaction, which one statement cannot end: it is undone")
        }
        return table
    }

    /// Tells the session what it was not told yet. The server's own limit is a net below ours, which is exact: it is at
    /// least as long, and the same for most statements.
    private func adopt(_ terms: MySQLTerms) async throws(MySQLFailure) {
        if terms.onlyReads != onlyReads {
            try await command("SET SESSION TRANSACTION READ \(terms.onlyReads ? "ONLY" : "WRITE")")
            onlyReads = terms.onlyReads
        }
        var limit: UInt64 = 1024
        while limit < terms.timeout / 1_000_000 { limit *= 2 }
        let rows = terms.onlyReads && terms.maxRows < Int.max ? terms.maxRows + 1 : 0
        guard limit != limitMilliseconds || rows != rowLimit else { return }
        let time = isMariaDB ? "max_statement_time = \(Double(limit) / 1000)" : "max_execution_time = \(limit)"
        try await command("SET SESSION \(time), sql_select_limit = \(rows == 0 ? Self.boundless : "\(rows)")")
        limitMilliseconds = limit
        rowLimit = rows
    }
}
