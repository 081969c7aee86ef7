import CSQLite
import Storage

/// One connection to a database file, on a thread of its own: SQLite blocks, and no thread that serves may.
///
/// Statements are prepared once and kept.
actor SQLiteConnection {
    private nonisolated let executor: BlockingExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private var database: OpaquePointer?
    private var statements: [String: OpaquePointer] = [:]

    init(label: String) { executor = BlockingExecutor(label: label) }

    func open(_ path: String, readOnly: Bool) throws(StorageFailure) {
        let flags = (readOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) | SQLITE_OPEN_NOMUTEX
        guard sqlite3_open_v2(path, &database, flags, nil) == SQLITE_OK else {
            throw .unavailable("The database `\(path)` cannot be opened: \(message)")
        }
        sqlite3_busy_timeout(database, 5000)
        try execute("PRAGMA foreign_keys = OFF")
        guard !readOnly else { return }
        try execute("PRAGMA journal_mode = WAL")
        try execute("PRAGMA synchronous = FULL")
        try execute("PRAGMA wal_autocheckpoint = 4000")
        try execute("PRAGMA temp_store = MEMORY")
        let effective = try query("PRAGMA synchronous") { $0.integer(0) }.first
        guard effective == 2 else { throw .broken("The database does not sync its commits to disk.") }
    }

    func close() {
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
    func execute(_ sql: String) throws(StorageFailure) {
        let code = sqlite3_exec(database, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw failure(code) }
    }

    private func prepared(_ sql: String) throws(StorageFailure) -> OpaquePointer {
        if let known = statements[sql] { return known }
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v3(database, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard code == SQLITE_OK, let statement else { throw failure(code) }
        statements[sql] = statement
        return statement
    }

    /// Runs a statement and reads its rows.
    func query<Row>(
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

    /// Runs a statement that writes.
    /// - Returns: how many rows it changed.
    @discardableResult
    func run(_ sql: String, bind: (SQLiteBinding) -> Void = { _ in }) throws(StorageFailure) -> Int {
        _ = try query(sql, bind: bind) { _ in }
        return Int(sqlite3_changes(database))
    }

    /// Everything in `body` or nothing.
    func transaction<Result>(
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
    func with<Result: Sendable>(
        _ body: @Sendable (isolated SQLiteConnection) throws(StorageFailure) -> Result
    ) throws(StorageFailure) -> Result {
        try body(self)
    }
}

/// Sets the parameters of a statement, counted from 1.
struct SQLiteBinding {
    let statement: OpaquePointer

    func integer(_ place: Int32, _ value: Int64) { sqlite3_bind_int64(statement, place, value) }
    func integer(_ place: Int32, _ value: Int64?) {
        if let value { integer(place, value) } else { sqlite3_bind_null(statement, place) }
    }
    func text(_ place: Int32, _ value: String) {
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
    func bytes(_ place: Int32, _ value: [UInt8]) {
        value.withUnsafeBytes { _ = weir_bind_copied_bytes(statement, place, $0.baseAddress, Int32($0.count)) }
    }
}

/// Reads the columns of a row, counted from 0.
struct SQLiteRow {
    let statement: OpaquePointer

    func integer(_ place: Int32) -> Int64 { sqlite3_column_int64(statement, place) }
    func optionalInteger(_ place: Int32) -> Int64? {
        sqlite3_column_type(statement, place) == SQLITE_NULL ? nil : integer(place)
    }
    func text(_ place: Int32) -> String { sqlite3_column_text(statement, place).map { String(cString: $0) } ?? "" }
    func bytes(_ place: Int32) -> [UInt8] {
        let count = Int(sqlite3_column_bytes(statement, place))
        guard count > 0, let start = sqlite3_column_blob(statement, place) else { return [] }
        return [UInt8](UnsafeRawBufferPointer(start: start, count: count))
    }
}

extension SQLiteBinding {
    func copied(_ place: Int32, _ bytes: UnsafeRawBufferPointer) {
        _ = weir_bind_copied_bytes(statement, place, bytes.baseAddress, Int32(bytes.count))
    }
}
