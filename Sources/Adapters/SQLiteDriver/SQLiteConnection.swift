import CSQLite
import Glibc
package import Storage
import Vocabulary

/// One connection to a database file, on a thread of its own: SQLite blocks, and no thread that serves may.
///
/// Statements are prepared once and kept.
package actor SQLiteConnection {
    private nonisolated let executor: BlockingExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private var database: OpaquePointer?
    private var statements: [String: OpaquePointer] = [:]
    /// The one used last: batches are mostly of one kind, and equal texts of one origin are told apart by address.
    private var last: (sql: String, statement: OpaquePointer)?
    private let scratch = SQLiteScratch()
    /// Whether a transaction of several calls is under way, and who waits for its end.
    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []
    /// Prepared statements that are kept.
    private static let mostStatements = 256

    package init(label: String) { executor = BlockingExecutor(label: label) }

    /// - Parameters:
    ///   - isOurs: the file is Weir's own: its journal and its way to sync are set.
    ///   - isImmutable: nobody writes to the file, and its write-ahead log is empty: nothing is made beside it.
    package func open(
        _ path: String, readOnly: Bool, isOurs: Bool = true, isImmutable: Bool = false
    ) throws(StorageFailure) {
        let flags = (readOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) | SQLITE_OPEN_NOMUTEX
        if isOurs, !readOnly {
            // Traces and hashes of keys are for the owner's eyes; what SQLite puts beside a file has the file's own rights.
            let made = Glibc.open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
            if made >= 0 { Glibc.close(made) }
        }
        let escaped = path.split(separator: "/", omittingEmptySubsequences: false).map {
            PercentEncoding.segment(String($0))
        }
        let name = isImmutable ? "file:\(escaped.joined(separator: "/"))?immutable=1" : path
        guard sqlite3_open_v2(name, &database, isImmutable ? flags | SQLITE_OPEN_URI : flags, nil) == SQLITE_OK else {
            throw .unavailable("The database `\(path)` cannot be opened: \(message)")
        }
        sqlite3_busy_timeout(database, 5000)
        try execute("PRAGMA foreign_keys = OFF")
        guard !readOnly, isOurs else { return }
        try execute("PRAGMA journal_mode = WAL")
        try execute("PRAGMA synchronous = FULL")
        try execute("PRAGMA wal_autocheckpoint = 4000")
        try execute("PRAGMA temp_store = MEMORY")
        let effective = try query("PRAGMA synchronous") { $0.integer(0) }.first
        guard effective == 2 else { throw .broken("The database does not sync its commits to disk.") }
    }

    isolated deinit { close() }

    package func close() {
        for statement in statements.values { sqlite3_finalize(statement) }
        statements = [:]
        last = nil
        sqlite3_close_v2(database)
        database = nil
    }

    private var message: String { sqlite3_errmsg(database).map { String(cString: $0) } ?? "no reason given" }

    private func failure(_ code: Int32) -> StorageFailure {
        switch code & 0xFF {
        case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_FULL, SQLITE_IOERR, SQLITE_CANTOPEN: .unavailable(message)
        default: .broken(message)
        }
    }

    /// Runs statements that bring no rows, such as a migration.
    package func execute(_ sql: String) throws(StorageFailure) {
        let code = sqlite3_exec(database, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw failure(code) }
    }

    private func prepared(_ sql: String) throws(StorageFailure) -> OpaquePointer {
        if let last, last.sql == sql { return last.statement }
        if let known = statements[sql] {
            last = (sql, known)
            return known
        }
        if statements.count >= Self.mostStatements {
            for statement in statements.values { sqlite3_finalize(statement) }
            statements = [:]
        }
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v3(database, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard code == SQLITE_OK, let statement else { throw failure(code) }
        statements[sql] = statement
        last = (sql, statement)
        return statement
    }

    /// Runs a statement and copies its rows out.
    package func answer(_ sql: String, bind: (SQLiteBinding) -> Void) throws(StorageFailure) -> SQLiteTable {
        let statement = try prepared(sql)
        let mark = scratch.used
        defer {
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
            scratch.clear(to: mark)
        }
        bind(SQLiteBinding(statement: statement, scratch: scratch))
        let columns = Int(sqlite3_column_count(statement))
        var cells: [SQLiteCell] = []
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: for place in 0..<columns { cells.append(SQLiteCell(statement, Int32(place))) }
            case SQLITE_DONE:
                let changes = columns == 0 ? Int(sqlite3_changes(database)) : 0
                return SQLiteTable(cells: cells, columnCount: columns, changes: changes)
            case let code: throw failure(code)
            }
        }
    }

    /// Runs a statement and reads its rows.
    package func query<Row>(
        _ sql: String, bind: (SQLiteBinding) -> Void = { _ in }, read: (SQLiteRow) -> Row
    ) throws(StorageFailure) -> [Row] {
        let statement = try prepared(sql)
        let mark = scratch.used
        defer {
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
            scratch.clear(to: mark)
        }
        bind(SQLiteBinding(statement: statement, scratch: scratch))
        var rows: [Row] = []
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: rows.append(read(SQLiteRow(statement: statement)))
            case SQLITE_DONE: return rows
            case let code: throw failure(code)
            }
        }
    }

    /// Runs any one statement and reads its rows as plain values, within a time and a number of rows.
    ///
    /// - Parameters:
    ///   - onlyReads: refuse what would change anything.
    ///   - deadline: ``Stopwatch`` nanoseconds; the statement is interrupted then.
    package func table(
        _ sql: String, onlyReads: Bool, maxRows: Int, deadline: UInt64, bind: (SQLiteBinding) -> Void
    ) throws(StorageFailure) -> (columns: [String], rows: [[SQLiteCell]], changes: Int, lastID: Int64) {
        let statement = try prepared(sql)
        let mark = scratch.used
        defer {
            sqlite3_progress_handler(database, 0, nil, nil)
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
            scratch.clear(to: mark)
        }
        guard !onlyReads || sqlite3_stmt_readonly(statement) != 0 else {
            throw .broken("the statement does not only read")
        }
        var end = deadline
        return try withUnsafeMutablePointer(to: &end) { pointer throws(StorageFailure) in
            sqlite3_progress_handler(
                database, 1000,
                { context in
                    let end = context.map { $0.load(as: UInt64.self) } ?? .max
                    return Stopwatch.nanoseconds() > end ? 1 : 0
                }, pointer)
            bind(SQLiteBinding(statement: statement, scratch: scratch))
            let columns = (0..<sqlite3_column_count(statement)).map { place in
                sqlite3_column_name(statement, place).map { String(cString: $0) } ?? ""
            }
            var rows: [[SQLiteCell]] = []
            let before = sqlite3_total_changes(database)
            while true {
                switch sqlite3_step(statement) {
                case SQLITE_ROW:
                    guard rows.count < maxRows else { throw .broken("the result has more than \(maxRows) rows") }
                    rows.append((0..<columns.count).map { SQLiteCell(statement, Int32($0)) })
                case SQLITE_DONE:
                    let changes = Int(sqlite3_total_changes(database) - before)
                    return (columns, rows, changes, sqlite3_last_insert_rowid(database))
                case SQLITE_INTERRUPT: throw .unavailable("interrupted")
                case let code: throw failure(code)
                }
            }
        }
    }

    /// How many parameters a statement has.
    package func parameterCount(_ sql: String) throws(StorageFailure) -> Int {
        Int(sqlite3_bind_parameter_count(try prepared(sql)))
    }

    /// Runs a statement that writes.
    /// - Returns: how many rows it changed.
    @discardableResult
    package func run(_ sql: String, bind: (SQLiteBinding) -> Void = { _ in }) throws(StorageFailure) -> Int {
        _ = try query(sql, bind: bind) { _ in }
        return Int(sqlite3_changes(database))
    }

    /// Waits for the end of a transaction of several calls, if there is one, and begins one's own. Such transactions run
    /// our own statements only, so the wait is as short as those.
    package func take() async {
        guard isTaken else {
            isTaken = true
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    /// Hands the connection to whoever waits.
    package func release() {
        if waiting.isEmpty { isTaken = false } else { waiting.removeFirst().resume() }
    }

    /// Ends a transaction without its changes, if there is one.
    package func rollBack() {
        if sqlite3_get_autocommit(database) == 0 { sqlite3_exec(database, "ROLLBACK", nil, nil, nil) }
    }

    /// Everything in `body` or nothing.
    package func transaction<Result>(
        _ body: (isolated SQLiteConnection) throws(StorageFailure) -> Result
    ) throws(StorageFailure) -> Result {
        try execute("BEGIN IMMEDIATE")
        do throws(StorageFailure) {
            let result = try body(self)
            try execute("COMMIT")
            return result
        } catch {
            rollBack()
            throw error
        }
    }

    /// Runs `body` here, on this connection's thread.
    package func with<Result: Sendable>(
        _ body: @Sendable (isolated SQLiteConnection) throws(StorageFailure) -> Result
    ) throws(StorageFailure) -> Result {
        try body(self)
    }
}
