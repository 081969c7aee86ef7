package import Vocabulary

/// A parameter of a statement. It travels in the binary protocol, apart from the SQL.
package enum MySQLValue: Sendable, Equatable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case bytes([UInt8])

    package static func integer(_ value: Int64?) -> MySQLValue { value.map { .integer($0) } ?? .null }

    /// As `BINARY(16)`, which sorts as identifiers do.
    package static func uuid(_ value: Identifier) -> MySQLValue {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(16)
        for word in [value.high, value.low] { withUnsafeBytes(of: word.bigEndian) { bytes.append(contentsOf: $0) } }
        return .bytes(bytes)
    }
}

/// One statement with its parameters, each a `?`. It is prepared once for each connection.
package struct MySQLStatement: Sendable, Equatable {
    package var sql: String
    package var parameters: [MySQLValue]

    package init(_ sql: String, _ parameters: [MySQLValue] = []) {
        self.sql = sql
        self.parameters = parameters
    }
}

/// How a statement may be carried out.
package struct MySQLTerms: Sendable, Equatable {
    /// The server refuses what would change anything, and statements that bring no rows are not sent.
    package var onlyReads = false
    /// Nanoseconds from the moment it is asked; what takes longer is ended on the server too.
    package var timeout: UInt64
    package var maxRows = Int.max
    /// Of all rows together.
    package var maxBytes = Int.max
    /// It may leave something behind in the session, such as a setting: the connection is not used again.
    package var endsSession = false
    /// Whether the columns' names are wanted.
    package var named = false

    package init(timeout: UInt64) { self.timeout = timeout }
}
