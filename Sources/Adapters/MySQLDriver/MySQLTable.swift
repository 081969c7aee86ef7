package import Vocabulary

/// What a statement answered: its rows, copied out of the library.
package struct MySQLTable: Sendable {
    package enum Cell: Sendable, Equatable {
        case null
        case integer(Int64)
        case real(Double)
        /// Where its bytes are.
        case text(Range<Int>)
        case bytes(Range<Int>)
        case json(Range<Int>)
    }

    /// Empty where they were not asked for.
    package internal(set) var names: [String] = []
    package internal(set) var columnCount = 0
    var cells: [Cell] = []
    var data: [UInt8] = []
    /// Rows that it inserted, changed (or found as they were to be) or deleted.
    package internal(set) var affected = 0
    /// What the server made for an AUTO_INCREMENT column; 0 for none.
    package internal(set) var lastInsertID: Int64 = 0

    package var count: Int { columnCount == 0 ? 0 : cells.count / columnCount }

    /// Reads every row.
    package func map<Row>(_ read: (MySQLRow) -> Row) -> [Row] {
        (0..<count).map { read(MySQLRow(table: self, start: $0 * columnCount)) }
    }

    package var first: MySQLRow? { count > 0 ? MySQLRow(table: self, start: 0) : nil }
}

/// Reads the columns of a row, counted from 0. What is null reads as 0, false or nothing.
package struct MySQLRow {
    fileprivate let table: MySQLTable
    fileprivate let start: Int

    package func cell(_ place: Int) -> MySQLTable.Cell { table.cells[start + place] }

    package func optionalInteger(_ place: Int) -> Int64? {
        switch cell(place) {
        case .null: nil
        case .integer(let number): number
        case .real(let number): Int64(exactly: number.rounded(.towardZero))
        // Sums come as decimals, which are text.
        case .text, .json: Int64(text(place)) ?? Double(text(place)).flatMap { Int64(exactly: $0.rounded(.towardZero)) }
        case .bytes: nil
        }
    }

    package func integer(_ place: Int) -> Int64 { optionalInteger(place) ?? 0 }

    package func bool(_ place: Int) -> Bool { integer(place) != 0 }

    package func real(_ place: Int) -> Double {
        switch cell(place) {
        case .real(let number): number
        case .integer(let number): Double(number)
        case .text, .json: Double(text(place)) ?? 0
        case .null, .bytes: 0
        }
    }

    package func text(_ place: Int) -> String {
        switch cell(place) {
        case .text(let range), .bytes(let range), .json(let range): String(decoding: table.data[range], as: UTF8.self)
        case .integer(let number): String(number)
        case .real(let number): String(number)
        case .null: ""
        }
    }

    package func bytes(_ place: Int) -> [UInt8] {
        switch cell(place) {
        case .text(let range), .bytes(let range), .json(let range): Array(table.data[range])
        case .null, .integer, .real: []
        }
    }

    /// Of 16 bytes; of anything else, the identifier that is all zeros.
    package func uuid(_ place: Int) -> Identifier {
        guard case .bytes(let range) = cell(place), range.count == 16 else { return Identifier(high: 0, low: 0) }
        let word = { (part: Range<Int>) in table.data[part].reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
        let middle = range.lowerBound + 8
        return Identifier(high: word(range.lowerBound..<middle), low: word(middle..<range.upperBound))
    }
}
