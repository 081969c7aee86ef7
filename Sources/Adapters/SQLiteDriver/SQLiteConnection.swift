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
        if let known = statements[sql] { return known }
        if statements.count >= Self.mostStatements {
            for statement in statements.values { sqlite3_finalize(statement) }
            statements = [:]
        }
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v3(database, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard code == SQLITE_OK, let statement else { throw failure(code) }
        statements[sql] = statement
        return statement
    }

    /// Runs a statement and reads its rows.
    package func query<Row>(
        _ sql: String, bind: (SQLiteBinding) -> Void = { _ in }, read: (SQLiteRow) -> Row
    ) throws(StorageFailure) -> [Row] {
        let statement = try prepared(sql)
        defer {
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
        }
        bind(SQLiteBinding(statement: statement))
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
        defer {
            sqlite3_progress_handler(database, 0, nil, nil)
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
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
            bind(SQLiteBinding(statement: statement))
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
            if sqlite3_get_autocommit(database) == 0 { sqlite3_exec(database, "ROLLBACK", nil, nil, nil) }
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

/// A value of any column.
package enum SQLiteCell: Sendable, Equatable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case bytes([UInt8])

    init(_ statement: OpaquePointer, _ place: Int32) {
        let row = SQLiteRow(statement: statement)
        switch sqlite3_column_type(statement, place) {
        case SQLITE_INTEGER: self = .integer(row.integer(place))
        case SQLITE_FLOAT: self = .real(sqlite3_column_double(statement, place))
        case SQLITE_TEXT: self = .text(row.text(place))
        case SQLITE_BLOB: self = .bytes(row.bytes(place))
        default: self = .null
        }
    }
}

/// Sets the parameters of a statement, counted from 1.
package struct SQLiteBinding {
    let statement: OpaquePointer

    package func integer(_ place: Int32, _ value: Int64) { sqlite3_bind_int64(statement, place, value) }
    package func integer(_ place: Int32, _ value: Int64?) {
        if let value { integer(place, value) } else { sqlite3_bind_null(statement, place) }
    }
    package func text(_ place: Int32, _ value: String) {
        var value = value
        value.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { chars in
                if let start = chars.baseAddress {
                    _ = weir_bind_text(statement, place, start, Int32(chars.count))
                } else {
                    _ = weir_bind_text(statement, place, "", 0)
                }
            }
        }
    }
    package func real(_ place: Int32, _ value: Double) { sqlite3_bind_double(statement, place, value) }
    package func null(_ place: Int32) { sqlite3_bind_null(statement, place) }
    package func bytes(_ place: Int32, _ value: [UInt8]) {
        value.withUnsafeBytes { _ = weir_bind_copied_bytes(statement, place, $0.baseAddress, Int32($0.count)) }
    }
}

/// Reads the columns of a row, counted from 0.
package struct SQLiteRow {
    let statement: OpaquePointer

    package func integer(_ place: Int32) -> Int64 { sqlite3_column_int64(statement, place) }
    package func optionalInteger(_ place: Int32) -> Int64? {
        sqlite3_column_type(statement, place) == SQLITE_NULL ? nil : integer(place)
    }
    package func text(_ place: Int32) -> String {
        sqlite3_column_text(statement, place).map { String(cString: $0) } ?? ""
    }
    package func bytes(_ place: Int32) -> [UInt8] {
        let count = Int(sqlite3_column_bytes(statement, place))
        guard count > 0, let start = sqlite3_column_blob(statement, place) else { return [] }
        return [UInt8](UnsafeRawBufferPointer(start: start, count: count))
    }
}

extension SQLiteBinding {
    package func copied(_ place: Int32, _ bytes: UnsafeRawBufferPointer) {
        _ = weir_bind_copied_bytes(statement, place, bytes.baseAddress, Int32(bytes.count))
    }
}
