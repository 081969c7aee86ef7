import CMySQL

/// A statement that one connection keeps prepared, and where its results arrive.
final class PreparedStatement {
    let handle: UnsafeMutablePointer<MYSQL_STMT>
    /// When it was used last, counted in uses.
    var usedAt: UInt64 = 0
    private var columns: [Kind] = []

    /// What a column holds, as it is told.
    private enum Kind {
        case integer(isUnsigned: Bool)
        case real
        case single
        case bits
        case bytes
        case text
        case json
        /// A point in time; of a `TIMESTAMP` it is known which.
        case moment(isInstant: Bool)
    }

    init(_ handle: UnsafeMutablePointer<MYSQL_STMT>) { self.handle = handle }

    /// Local; after it the statement must not be used.
    func free() { mysql_stmt_close(handle) }

    var parameterCount: Int { Int(mysql_stmt_param_count(handle)) }
    var columnCount: Int { Int(mysql_stmt_field_count(handle)) }

    /// The names of the columns.
    var names: [String] {
        guard let fields = mariadb_stmt_fetch_fields(handle) else { return [] }
        return (0..<columnCount).map { place in
            let field = fields[place]
            return field.name.map {
                String(decoding: UnsafeRawBufferPointer(start: $0, count: Int(field.name_length)), as: UTF8.self)
            } ?? ""
        }
    }

    // MARK: Results

    /// Learns the columns, and tells the library where rows go.
    /// - Returns: whether it took that.
    func bind(_ results: ResultRow) -> Bool {
        guard let fields = mariadb_stmt_fetch_fields(handle) else { return false }
        let (binds, cells) = (results.binds, results.cells)
        columns = (0..<columnCount).map { Self.kind(fields + $0) }
        for place in 0..<columnCount {
            let cell = cells + place
            binds[place].length = UnsafeMutablePointer(cell.pointer(to: \.length))
            binds[place].is_null = UnsafeMutablePointer(cell.pointer(to: \.isNull))
            binds[place].error = UnsafeMutablePointer(cell.pointer(to: \.isCut))
            binds[place].buffer = UnsafeMutableRawPointer(cell.pointer(to: \.number))
            switch columns[place] {
            case .integer(let isUnsigned):
                binds[place].buffer_type = MYSQL_TYPE_LONGLONG
                binds[place].is_unsigned = isUnsigned ? 1 : 0
                binds[place].buffer_length = 8
            case .real:
                binds[place].buffer_type = MYSQL_TYPE_DOUBLE
                binds[place].buffer_length = 8
            case .single:
                binds[place].buffer_type = MYSQL_TYPE_FLOAT
                binds[place].buffer_length = 4
            case .bits, .bytes: binds[place].buffer_type = MYSQL_TYPE_BLOB
            case .text, .json, .moment: binds[place].buffer_type = MYSQL_TYPE_STRING
            }
        }
        return mysql_stmt_bind_result(handle, binds) == 0
    }

    private static func kind(_ field: UnsafePointer<MYSQL_FIELD>) -> Kind {
        switch field.pointee.type {
        case MYSQL_TYPE_TINY, MYSQL_TYPE_SHORT, MYSQL_TYPE_LONG, MYSQL_TYPE_LONGLONG, MYSQL_TYPE_INT24, MYSQL_TYPE_YEAR:
            .integer(isUnsigned: field.pointee.flags & UInt32(UNSIGNED_FLAG) != 0)
        case MYSQL_TYPE_DOUBLE: .real
        case MYSQL_TYPE_FLOAT: .single
        case MYSQL_TYPE_BIT: .bits
        case MYSQL_TYPE_DATETIME: .moment(isInstant: false)
        case MYSQL_TYPE_TIMESTAMP: .moment(isInstant: true)
        case MYSQL_TYPE_DECIMAL, MYSQL_TYPE_NEWDECIMAL, MYSQL_TYPE_DATE, MYSQL_TYPE_NEWDATE, MYSQL_TYPE_TIME,
            MYSQL_TYPE_NULL:
            .text
        case MYSQL_TYPE_JSON: .json
        case MYSQL_TYPE_GEOMETRY: .bytes
        // MariaDB keeps JSON as text and says so beside.
        default: field.pointee.charsetnr == weir_binary_charset ? .bytes : weir_is_json(field) != 0 ? .json : .text
        }
    }

    /// Appends the row that was fetched.
    /// - Returns: whether every cell could be read.
    func read(_ results: ResultRow, into table: inout MySQLTable) -> Bool {
        let cells = results.cells
        for place in columns.indices {
            guard cells[place].isNull == 0 else {
                table.cells.append(.null)
                continue
            }
            let number = cells[place].number
            switch columns[place] {
            case .integer(let isUnsigned):
                if isUnsigned, number > UInt64(Int64.max) {
                    // Exact as text, as decimals are.
                    let start = table.data.count
                    table.data += String(number).utf8
                    table.cells.append(.text(start..<table.data.count))
                } else {
                    table.cells.append(.integer(Int64(bitPattern: number)))
                }
            case .real: table.cells.append(.real(Double(bitPattern: number)))
            case .single:
                // The number that is written the same: 0.1 stays 0.1.
                let value = Float(bitPattern: UInt32(truncatingIfNeeded: number))
                table.cells.append(.real(Double("\(value)") ?? Double(value)))
            case .bits:
                guard let range = fetch(place, cells, MYSQL_TYPE_BLOB, &table.data) else { return false }
                let bits = table.data[range].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
                table.data.removeSubrange(range)
                table.cells.append(.integer(Int64(bitPattern: bits)))
            case .bytes:
                guard let range = fetch(place, cells, MYSQL_TYPE_BLOB, &table.data) else { return false }
                table.cells.append(.bytes(range))
            case .text:
                guard let range = fetch(place, cells, MYSQL_TYPE_STRING, &table.data) else { return false }
                table.cells.append(.text(range))
            case .json:
                guard let range = fetch(place, cells, MYSQL_TYPE_STRING, &table.data) else { return false }
                table.cells.append(.json(range))
            case .moment(let isInstant):
                guard let range = fetch(place, cells, MYSQL_TYPE_STRING, &table.data) else { return false }
                // ISO 8601; the session's zone is UTC.
                if range.count > 10 { table.data[range.lowerBound + 10] = UInt8(ascii: "T") }
                if isInstant { table.data.append(UInt8(ascii: "Z")) }
                table.cells.append(.text(range.lowerBound..<table.data.count))
            }
        }
        return true
    }

    private func fetch(
        _ place: Int, _ cells: UnsafeMutablePointer<ResultRow.Cell>, _ type: enum_field_types, _ data: inout [UInt8]
    ) -> Range<Int>? {
        let count = Int(cells[place].length)
        let start = data.count
        guard count > 0 else { return start..<start }
        data.append(contentsOf: repeatElement(0, count: count))
        let code = data.withUnsafeMutableBytes { bytes in
            var bind = MYSQL_BIND()
            var length: UInt = 0
            var isCut: CChar = 0
            bind.buffer_type = type
            bind.buffer = bytes.baseAddress.map { $0 + start }
            bind.buffer_length = UInt(count)
            return withUnsafeMutablePointer(to: &length) { length in
                withUnsafeMutablePointer(to: &isCut) { isCut in
                    bind.length = length
                    bind.error = isCut
                    return mysql_stmt_fetch_column(handle, &bind, UInt32(place), 0)
                }
            }
        }
        return code == 0 ? start..<start + count : nil
    }
}
