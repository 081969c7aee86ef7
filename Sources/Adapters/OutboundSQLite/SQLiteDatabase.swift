import Glibc
package import Outbound
import SQLiteDriver
import Storage
import Synchronization
import Vocabulary

/// SQLite files of others: one connection writes, several read.
package struct SQLiteDatabases: DatabaseOpening {
    private let ownFile: String

    /// - Parameter ownFile: the file Weir keeps itself in, which no workflow may touch.
    package init(ownFile: String) { self.ownFile = ownFile }

    package var schemes: [String] { ["sqlite"] }

    package func open(_ source: DatabaseSource) -> any OutboundDatabase {
        var path = source.url.drop { $0 != ":" }.dropFirst()
        if path.hasPrefix("//") { path = path.dropFirst(2) }
        return SQLiteDatabase(
            path: String(path), isOwn: Self.real(String(path)) == Self.real(ownFile), readers: source.connections)
    }

    /// The file behind links and dots.
    private static func real(_ path: String) -> String {
        guard let found = realpath(path, nil) else { return path }
        defer { free(found) }
        return String(cString: found)
    }
}

final class SQLiteDatabase: OutboundDatabase {
    private let path: String
    private let isOwn: Bool
    private let writer = Member("weir.db.writer")
    private let readers: [Member]
    private let turn = Atomic<Int>(0)

    /// A connection, opened when it is first used.
    private final class Member: Sendable {
        let connection: SQLiteConnection
        let isOpen = Atomic<Bool>(false)

        init(_ label: String) { connection = SQLiteConnection(label: label) }
    }

    init(path: String, isOwn: Bool, readers: Int) {
        self.path = path
        self.isOwn = isOwn
        self.readers = (0..<max(1, readers)).map { Member("weir.db.reader.\($0)") }
    }

    package func read(_ statement: SQLStatement) async throws(DatabaseFailure) -> SQLRows {
        let place = turn.add(1, ordering: .relaxed).oldValue
        let result = try await run(
            statement, on: readers[Int(UInt(bitPattern: place) % UInt(readers.count))], onlyReads: true)
        return SQLRows(columns: result.columns, rows: result.rows.map { $0.map(Self.value) })
    }

    package func write(_ statement: SQLStatement) async throws(DatabaseFailure) -> SQLChange {
        let result = try await run(statement, on: writer, onlyReads: false)
        return SQLChange(rowsAffected: result.changes, lastInsertID: result.lastID)
    }

    package func close() async {
        for member in readers + [writer] { await member.connection.close() }
    }

    private func run(
        _ statement: SQLStatement, on member: Member, onlyReads: Bool
    ) async throws(DatabaseFailure) -> (columns: [String], rows: [[SQLiteCell]], changes: Int, lastID: Int64) {
        let deadline = Stopwatch.nanoseconds() + UInt64(max(0, statement.timeout.wholeMilliseconds)) * 1_000_000
        let path = path
        let isOwn = isOwn
        do throws(StorageFailure) {
            guard !isOwn else { throw .broken("this is the file Weir keeps itself in") }
            return try await member.connection.with { connection throws(StorageFailure) in
                if !member.isOpen.load(ordering: .acquiring) {
                    try connection.open(path, readOnly: onlyReads, isOurs: false)
                    member.isOpen.store(true, ordering: .releasing)
                }
                let count = try connection.parameterCount(statement.text)
                guard count == statement.parameters.count else {
                    throw .broken("the statement has \(count) parameters, and \(statement.parameters.count) are given")
                }
                return try connection.table(
                    statement.text, onlyReads: onlyReads, maxRows: statement.maxRows, deadline: deadline
                ) { binding in
                    for (place, value) in statement.parameters.enumerated() {
                        Self.bind(value, Int32(place + 1), binding)
                    }
                }
            }
        } catch {
            switch error {
            case .unavailable("interrupted"): throw .timedOut
            case .unavailable(let reason): throw .unreachable(reason)
            case .broken(let reason): throw .refused(reason)
            case .conflict: throw .refused("a conflict")
            }
        }
    }

    private static func bind(_ value: SQLValue, _ place: Int32, _ binding: SQLiteBinding) {
        switch value {
        case .null: binding.null(place)
        case .integer(let number): binding.integer(place, number)
        case .real(let number): binding.real(place, number)
        case .text(let text): binding.text(place, text)
        case .bytes(let bytes): binding.bytes(place, bytes)
        case .bool(let flag): binding.integer(place, flag ? 1 : 0)
        case .json(let text): binding.text(place, String(decoding: text, as: UTF8.self))
        }
    }

    private static func value(_ cell: SQLiteCell) -> SQLValue {
        switch cell {
        case .null: .null
        case .integer(let number): .integer(number)
        case .real(let number): .real(number)
        case .text(let text): .text(text)
        case .bytes(let bytes): .bytes(bytes)
        }
    }
}
