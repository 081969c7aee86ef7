import CSQLite
package import Vocabulary

/// Where the values of one statement lie until it has run: SQLite then need not make room for each of them.
final class SQLiteScratch {
    private static let size = 1 << 16
    private let start = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 8)
    /// How much of it is in use.
    private(set) var used = 0

    deinit { start.deallocate() }

    /// - Returns: where a copy lies until ``clear(to:)``; nil if there is no room.
    func keep(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawPointer? {
        guard let source = bytes.baseAddress, bytes.count <= Self.size - used else { return nil }
        let place = start + used
        place.copyMemory(from: source, byteCount: bytes.count)
        used += bytes.count
        return UnsafeRawPointer(place)
    }

    /// What was kept since it held that much may go.
    func clear(to mark: Int) { used = mark }
}

/// Sets the parameters of a statement, counted from 1.
package struct SQLiteBinding {
    let statement: OpaquePointer
    let scratch: SQLiteScratch

    package func integer(_ place: Int32, _ value: Int64) { sqlite3_bind_int64(statement, place, value) }
    package func integer(_ place: Int32, _ value: Int64?) {
        if let value { integer(place, value) } else { sqlite3_bind_null(statement, place) }
    }
    package func text(_ place: Int32, _ value: String) {
        var value = value
        value.withUTF8 { bytes in
            let bytes = UnsafeRawBufferPointer(bytes)
            if let kept = scratch.keep(bytes) {
                _ = weir_bind_text(statement, place, kept, Int32(bytes.count))
            } else {
                _ = weir_bind_copied_text(statement, place, bytes.baseAddress, Int32(bytes.count))
            }
        }
    }
    package func real(_ place: Int32, _ value: Double) { sqlite3_bind_double(statement, place, value) }
    package func null(_ place: Int32) { sqlite3_bind_null(statement, place) }
    package func bytes(_ place: Int32, _ value: [UInt8]) { value.withUnsafeBytes { bytes(place, $0) } }

    /// Sixteen bytes, so that the order of blobs is the order of identifiers.
    package func identifier(_ place: Int32, _ value: Identifier) {
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 2) { words in
            words[0] = value.high.bigEndian
            words[1] = value.low.bigEndian
            bytes(place, UnsafeRawBufferPointer(words))
        }
    }

    private func bytes(_ place: Int32, _ bytes: UnsafeRawBufferPointer) {
        if let kept = scratch.keep(bytes) {
            _ = weir_bind_bytes(statement, place, kept, Int32(bytes.count))
        } else {
            _ = weir_bind_copied_bytes(statement, place, bytes.baseAddress, Int32(bytes.count))
        }
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
