import CMySQL
import Glibc

/// What may be asked during a turn.
extension MySQLConnection {
    /// Statements kept prepared; the one that rested longest makes room.
    private static let mostPrepared = 256

    /// Our own words, which have no parameters and bring no rows.
    func command(_ sql: StaticString) async throws(MySQLFailure) { try await command("\(sql)") }

    func command(_ sql: String) async throws(MySQLFailure) {
        guard handle != nil else { throw failure() }
        let count = sql.utf8.count
        let text = strdup(sql)
        defer { free(text) }
        var code: Int32 = 0
        let first = mysql_real_query_start(&code, handle, text, UInt(count))
        await finish(first) { mysql_real_query_cont(&code, handle, $0) }
        guard code == 0, !isGivenUp else { throw failure() }
    }

    /// - Throws: a failure with `isUndone` where the statement was not sent.
    func execute(_ statement: MySQLStatement, _ terms: MySQLTerms) async throws(MySQLFailure) -> MySQLTable {
        let made = try await prepare(statement.sql)
        guard made.parameterCount == statement.parameters.count else {
            throw .refused(
                "the statement has \(made.parameterCount) parameters, and \(statement.parameters.count) are given")
        }
        guard !terms.onlyReads || made.columnCount > 0 else { throw .refused("the statement does not only read") }
        let parameters = BoundParameters(statement.parameters)
        guard mysql_stmt_bind_param(made.handle, parameters.binds) == 0 else { throw failure(made) }
        var code: Int32 = 0
        let first = mysql_stmt_execute_start(&code, made.handle)
        await finish(first) { mysql_stmt_execute_cont(&code, made.handle, $0) }
        withExtendedLifetime(parameters) {}
        guard code == 0, !isGivenUp else {
            let failure = failure(made)
            // What it knows of the statement is gone.
            if [1243, 1615].contains(failure.code) { prepared.removeValue(forKey: statement.sql)?.free() }
            throw failure
        }
        return try await results(of: made, terms)
    }

    // MARK: Preparing

    private func prepare(_ sql: String) async throws(MySQLFailure) -> PreparedStatement {
        uses += 1
        if let known = prepared[sql] {
            known.usedAt = uses
            return known
        }
        if prepared.count >= Self.mostPrepared { await forgetOldest() }
        guard let handle, let made = mysql_stmt_init(handle).map(PreparedStatement.init) else { throw failure() }
        made.usedAt = uses
        let count = sql.utf8.count
        let text = strdup(sql)
        defer { free(text) }
        var code: Int32 = 0
        let first = mysql_stmt_prepare_start(&code, made.handle, text, UInt(count))
        await finish(first) { mysql_stmt_prepare_cont(&code, made.handle, $0) }
        guard code == 0, !isGivenUp else {
            var failure = failure(made)
            failure.isUndone = failure.kind == .lost
            made.free()
            throw failure
        }
        prepared[sql] = made
        return made
    }

    private func forgetOldest() async {
        guard let oldest = prepared.min(by: { $0.value.usedAt < $1.value.usedAt }) else { return }
        prepared[oldest.key] = nil
        var code: CChar = 0
        let first = mysql_stmt_close_start(&code, oldest.value.handle)
        await finish(first) { mysql_stmt_close_cont(&code, oldest.value.handle, $0) }
    }

    // MARK: Results

    /// Reads row after row, and no further than wanted. A procedure's further results are read and left.
    private func results(of made: PreparedStatement, _ terms: MySQLTerms) async throws(MySQLFailure) -> MySQLTable {
        var table = MySQLTable()
        table.columnCount = made.columnCount
        if made.columnCount > 0 {
            if terms.named { table.names = made.names }
            try await fetch(made, terms) { row in made.read(row, into: &table) ? table.data.count : nil }
        }
        if made.columnCount == 0 {
            table.affected = Int(truncatingIfNeeded: mysql_stmt_affected_rows(made.handle))
            table.lastInsertID = Int64(truncatingIfNeeded: mysql_stmt_insert_id(made.handle))
        }
        while mysql_stmt_more_results(made.handle) != 0 {
            var code: Int32 = 0
            let first = mysql_stmt_next_result_start(&code, made.handle)
            await finish(first) { mysql_stmt_next_result_cont(&code, made.handle, $0) }
            guard code <= 0, !isGivenUp else { throw failure(made) }
            if made.columnCount > 0 { try await fetch(made, terms) { _ in 0 } }
        }
        return table
    }

    /// - Parameter take: takes a row; tells how many bytes are taken so far, or nil where the row cannot be read.
    private func fetch(
        _ made: PreparedStatement, _ terms: MySQLTerms, _ take: (ResultRow) -> Int?
    ) async throws(MySQLFailure) {
        let row = ResultRow(columns: made.columnCount)
        guard made.bind(row) else { throw failure(made) }
        var rows = 0
        while true {
            var code: Int32 = 0
            let first = mysql_stmt_fetch_start(&code, made.handle)
            await finish(first) { mysql_stmt_fetch_cont(&code, made.handle, $0) }
            if isGivenUp { throw failure() }
            if code == MYSQL_NO_DATA { break }
            guard code == 0 || code == MYSQL_DATA_TRUNCATED else { throw failure(made) }
            rows += 1
            guard rows <= terms.maxRows else {
                throw MySQLFailure(kind: .tooMuch, message: "the result has more than \(terms.maxRows) rows")
            }
            guard let bytes = take(row) else { throw failure(made) }
            guard bytes <= terms.maxBytes else {
                throw MySQLFailure(kind: .tooMuch, message: "the result has more than \(terms.maxBytes) bytes")
            }
        }
        var code: CChar = 0
        let first = mysql_stmt_free_result_start(&code, made.handle)
        await finish(first) { mysql_stmt_free_result_cont(&code, made.handle, $0) }
        withExtendedLifetime(row) {}
    }
}
