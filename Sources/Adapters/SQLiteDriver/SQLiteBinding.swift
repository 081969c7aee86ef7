import CSQLite
package import Vocabulary

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
    /// Sixteen bytes, so that the order of blobs is the order of identifiers.
    package func identifier(_ place: Int32, _ value: Identifier) {
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 2) { words in
            words[0] = value.high.bigEndian
            words[1] = value.low.bigEndian
            let bytes = UnsafeRawBufferPointer(words)
            _ = weir_bind_copied_bytes(statement, place, bytes.baseAddress, Int32(bytes.count))
        }
    }
}
