import CPostgres
package import Vocabulary

/// What a statement answered: its rows, copied out of libpq, in PostgreSQL's binary format.
package struct PostgresTable: Sendable {
    private let data: [UInt8]
    /// Where each cell ends, row by row, with -1 - end for null.
    private let ends: [Int]
    private let columnCount: Int
    /// How many rows it brought.
    package let count: Int
    /// How many rows it inserted, changed, deleted or brought.
    package let affected: Int
    /// Whether a transaction was committed.
    let isCommit: Bool

    init(_ result: OpaquePointer) {
        let rows = Int(PQntuples(result))
        let columns = Int(PQnfields(result))
        var ends: [Int] = []
        ends.reserveCapacity(rows * columns)
        var data: [UInt8] = []
        if rows == 1 { data.reserveCapacity((0..<Int32(columns)).reduce(0) { $0 + Int(PQgetlength(result, 0, $1)) }) }
        for row in 0..<Int32(rows) {
            for column in 0..<Int32(columns) {
                if PQgetisnull(result, row, column) == 1 {
                    ends.append(-1 - data.count)
                    continue
                }
                let length = Int(PQgetlength(result, row, column))
                data.append(contentsOf: UnsafeRawBufferPointer(start: PQgetvalue(result, row, column), count: length))
                ends.append(data.count)
            }
        }
        self.data = data
        self.ends = ends
        columnCount = columns
        count = rows
        // After rows that were shown one by one, there are none, and the server says how many there were.
        affected = rows > 0 ? rows : PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0
        isCommit = columns == 0 && PQcmdStatus(result).map { String(cString: $0) == "COMMIT" } ?? false
    }

    /// Reads every row.
    package func map<Row>(_ read: (PostgresRow) -> Row) -> [Row] {
        (0..<count).map { read(PostgresRow(table: self, start: $0 * columnCount)) }
    }

    package var first: PostgresRow? { count > 0 ? PostgresRow(table: self, start: 0) : nil }

    /// The bytes of a cell; nil for null.
    fileprivate func cell<Result>(_ place: Int, _ read: (UnsafeRawBufferPointer) -> Result) -> Result? {
        guard ends[place] >= 0 else { return nil }
        let before = place == 0 ? 0 : ends[place - 1]
        let start = before >= 0 ? before : -1 - before
        return data.withUnsafeBytes { read(UnsafeRawBufferPointer(rebasing: $0[start..<ends[place]])) }
    }
}

/// Reads the columns of a row, counted from 0. What is null reads as 0, false or nothing.
package struct PostgresRow {
    fileprivate let table: PostgresTable
    fileprivate let start: Int

    /// Of any integer type.
    package func integer(_ place: Int) -> Int64 { optionalInteger(place) ?? 0 }

    package func optionalInteger(_ place: Int) -> Int64? {
        table.cell(start + place) { bytes in
            let magnitude = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            let spare = UInt64(64 - 8 * min(8, bytes.count))
            return Int64(bitPattern: magnitude << spare) >> Int64(spare)
        }
    }

    package func bool(_ place: Int) -> Bool { integer(place) != 0 }

    package func real(_ place: Int) -> Double { Double(bitPattern: UInt64(bitPattern: integer(place))) }

    package func text(_ place: Int) -> String {
        table.cell(start + place) { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    package func bytes(_ place: Int) -> [UInt8] { table.cell(start + place) { [UInt8]($0) } ?? [] }

    package func uuid(_ place: Int) -> Identifier {
        table.cell(start + place) { bytes in
            let word = { (range: Range<Int>) in bytes[range].reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
            return bytes.count == 16 ? Identifier(high: word(0..<8), low: word(8..<16)) : Identifier(high: 0, low: 0)
        } ?? Identifier(high: 0, low: 0)
    }
}
