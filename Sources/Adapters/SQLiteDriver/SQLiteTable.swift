import CSQLite
package import Vocabulary

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

/// What a statement answered: its rows, copied out of SQLite.
package struct SQLiteTable: Sendable {
    fileprivate let cells: [SQLiteCell]
    fileprivate let columnCount: Int
    /// How many rows it inserted, updated or deleted.
    fileprivate let changes: Int

    init(cells: [SQLiteCell], columnCount: Int, changes: Int) {
        self.cells = cells
        self.columnCount = columnCount
        self.changes = changes
    }

    package var count: Int { columnCount == 0 ? 0 : cells.count / columnCount }
    package var affected: Int { columnCount == 0 ? changes : count }
    package var first: SQLiteTableRow? { count > 0 ? SQLiteTableRow(table: self, start: 0) : nil }

    package func map<Value>(_ read: (SQLiteTableRow) -> Value) -> [Value] {
        (0..<count).map { read(SQLiteTableRow(table: self, start: $0 * columnCount)) }
    }
}

/// Reads the columns of a row, counted from 0. What is null, or of another kind, reads as 0, false or nothing.
package struct SQLiteTableRow {
    fileprivate let table: SQLiteTable
    fileprivate let start: Int

    private func cell(_ place: Int) -> SQLiteCell { table.cells[start + place] }

    package func integer(_ place: Int) -> Int64 { optionalInteger(place) ?? 0 }
    package func optionalInteger(_ place: Int) -> Int64? {
        if case .integer(let value) = cell(place) { value } else { nil }
    }
    package func bool(_ place: Int) -> Bool { integer(place) != 0 }
    package func text(_ place: Int) -> String { if case .text(let value) = cell(place) { value } else { "" } }
    package func bytes(_ place: Int) -> [UInt8] {
        switch cell(place) {
        case .bytes(let value): value
        case .text(let value): Array(value.utf8)
        case .null, .integer, .real: []
        }
    }
    package func uuid(_ place: Int) -> Identifier {
        let bytes = bytes(place)
        let word = { (range: Range<Int>) in bytes[range].reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
        return bytes.count == 16 ? Identifier(high: word(0..<8), low: word(8..<16)) : Identifier(high: 0, low: 0)
    }
}
