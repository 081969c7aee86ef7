package import Vocabulary

/// The types of parameters and columns this driver speaks, by their object ids (catalogue `pg_type`; fixed for ever).
package enum PostgresType: UInt32, Sendable {
    case bool = 16
    case bytes = 17
    case integer = 20
    case text = 25
    case real = 701
    case texts = 1009
    case uuid = 2950
    case uuids = 2951
}

/// A parameter of a statement. It travels in PostgreSQL's binary format, apart from the SQL.
package enum PostgresValue: Sendable, Equatable {
    case null(PostgresType)
    case bool(Bool)
    case integer(Int64)
    case real(Double)
    case text(String)
    case bytes([UInt8])
    case uuid(Identifier)
    case texts([String])
    case uuids([Identifier])

    package static func integer(_ value: Int64?) -> PostgresValue { value.map { .integer($0) } ?? .null(.integer) }

    var type: PostgresType {
        switch self {
        case .null(let type): type
        case .bool: .bool
        case .integer: .integer
        case .real: .real
        case .text: .text
        case .bytes: .bytes
        case .uuid: .uuid
        case .texts: .texts
        case .uuids: .uuids
        }
    }

    /// Appends the value as PostgreSQL sends it: big-endian, arrays with their header (one dimension, no nulls).
    func write(into buffer: inout [UInt8]) {
        switch self {
        case .null: break
        case .bool(let value): buffer.append(value ? 1 : 0)
        case .integer(let value): Self.word(UInt64(bitPattern: value), &buffer)
        case .real(let value): Self.word(value.bitPattern, &buffer)
        case .text(let value): buffer += value.utf8
        case .bytes(let value): buffer += value
        case .uuid(let value): Self.uuid(value, &buffer)
        case .texts(let values):
            Self.header(values.count, .text, &buffer)
            for value in values {
                Self.half(UInt32(value.utf8.count), &buffer)
                buffer += value.utf8
            }
        case .uuids(let values):
            Self.header(values.count, .uuid, &buffer)
            for value in values {
                Self.half(16, &buffer)
                Self.uuid(value, &buffer)
            }
        }
    }

    private static func header(_ count: Int, _ element: PostgresType, _ buffer: inout [UInt8]) {
        half(count == 0 ? 0 : 1, &buffer)
        half(0, &buffer)
        half(element.rawValue, &buffer)
        guard count > 0 else { return }
        half(UInt32(count), &buffer)
        half(1, &buffer)
    }

    private static func uuid(_ value: Identifier, _ buffer: inout [UInt8]) {
        word(value.high, &buffer)
        word(value.low, &buffer)
    }

    private static func word(_ value: UInt64, _ buffer: inout [UInt8]) {
        withUnsafeBytes(of: value.bigEndian) { buffer.append(contentsOf: $0) }
    }

    private static func half(_ value: UInt32, _ buffer: inout [UInt8]) {
        withUnsafeBytes(of: value.bigEndian) { buffer.append(contentsOf: $0) }
    }
}

/// One statement with its parameters, `$1` and on. One SQL text always comes with parameters of the same types: it is
/// prepared once for each connection.
package struct PostgresStatement: Sendable, Equatable {
    package var sql: String
    package var parameters: [PostgresValue]

    package init(_ sql: String, _ parameters: [PostgresValue] = []) {
        self.sql = sql
        self.parameters = parameters
    }
}
