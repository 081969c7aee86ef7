import CMySQL

/// The values of a statement's parameters as the library wants them, at addresses that stay while it sends them.
final class BoundParameters {
    let binds: UnsafeMutablePointer<MYSQL_BIND>
    private let data: UnsafeMutableRawBufferPointer

    init(_ values: [MySQLValue]) {
        data = .allocate(byteCount: values.reduce(0) { $0 + Self.room(for: $1) }, alignment: 8)
        binds = .allocate(capacity: max(1, values.count))
        binds.initialize(repeating: MYSQL_BIND(), count: max(1, values.count))
        var place = 0
        for (index, value) in values.enumerated() {
            write(value, UnsafeMutableRawBufferPointer(rebasing: data[place...]), &binds[index])
            place += Self.room(for: value)
        }
    }

    deinit {
        data.deallocate()
        binds.deallocate()
    }

    private static func room(for value: MySQLValue) -> Int {
        switch value {
        case .null, .integer, .real: 8
        case .text(let text): (text.utf8.count + 7) & ~7
        case .bytes(let bytes): (bytes.count + 7) & ~7
        }
    }

    private func write(_ value: MySQLValue, _ place: UnsafeMutableRawBufferPointer, _ bind: inout MYSQL_BIND) {
        bind.buffer = place.baseAddress
        switch value {
        case .null: bind.buffer_type = MYSQL_TYPE_NULL
        case .integer(let number):
            bind.buffer_type = MYSQL_TYPE_LONGLONG
            place.storeBytes(of: number, as: Int64.self)
        case .real(let number):
            bind.buffer_type = MYSQL_TYPE_DOUBLE
            place.storeBytes(of: number, as: Double.self)
        case .text(let text):
            bind.buffer_type = MYSQL_TYPE_STRING
            bind.buffer_length = UInt(text.utf8.count)
            place.copyBytes(from: text.utf8)
        case .bytes(let bytes):
            bind.buffer_type = MYSQL_TYPE_BLOB
            bind.buffer_length = UInt(bytes.count)
            place.copyBytes(from: bytes)
        }
    }
}

/// Where the library writes the row it fetches.
final class ResultRow {
    struct Cell {
        var length: UInt = 0
        var isNull: CChar = 0
        var isCut: CChar = 0
        /// Numbers arrive here; what has a length is fetched when the length is known.
        var number: UInt64 = 0
    }

    let binds: UnsafeMutablePointer<MYSQL_BIND>
    let cells: UnsafeMutablePointer<Cell>

    init(columns: Int) {
        binds = .allocate(capacity: max(1, columns))
        binds.initialize(repeating: MYSQL_BIND(), count: max(1, columns))
        cells = .allocate(capacity: max(1, columns))
        cells.initialize(repeating: Cell(), count: max(1, columns))
    }

    deinit {
        binds.deallocate()
        cells.deallocate()
    }
}
