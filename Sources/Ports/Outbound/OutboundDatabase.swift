/// A value in a database's row, or a parameter of a statement.
package enum SQLValue: Sendable, Equatable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case bytes([UInt8])
    case bool(Bool)
    /// JSON text: an array, an object, or what a database keeps as JSON.
    case json([UInt8])
}

/// One statement with its parameters. Values are always parameters, never part of the text.
package struct SQLStatement: Sendable {
    package var text: String
    package var parameters: [SQLValue]
    package var timeout: Duration
    /// Rows beyond which the result is refused.
    package var maxRows: Int
    /// Who asks: for recordings.
    package var connector: String

    package init(text: String, parameters: [SQLValue], timeout: Duration, maxRows: Int, connector: String = "") {
        self.text = text
        self.parameters = parameters
        self.timeout = timeout
        self.maxRows = maxRows
        self.connector = connector
    }
}

package struct SQLRows: Sendable, Equatable {
    package var columns: [String]
    package var rows: [[SQLValue]]

    package init(columns: [String], rows: [[SQLValue]]) {
        self.columns = columns
        self.rows = rows
    }
}

/// What a statement that writes did.
package struct SQLChange: Sendable, Equatable {
    package var rowsAffected: Int
    /// Of databases that number rows by themselves; nil for others.
    package var lastInsertID: Int64?
    /// What it was to give back of the rows it changed (`RETURNING`); nil where it gives nothing back.
    package var rows: SQLRows?

    package init(rowsAffected: Int, lastInsertID: Int64? = nil, rows: SQLRows? = nil) {
        self.rowsAffected = rowsAffected
        self.lastInsertID = lastInsertID
        self.rows = rows
    }
}

package enum DatabaseFailure: Error, Sendable, Equatable, CustomStringConvertible {
    case unreachable(String)
    case timedOut
    /// The database refused the statement: its reason, for whoever wrote it.
    case refused(String)
    /// It leads where this connector may not go.
    case refusedAddress(String)
    /// Nothing goes out here, and this call was not recorded.
    case notRecorded(String)

    package var description: String {
        switch self {
        case .unreachable(let reason), .refused(let reason), .refusedAddress(let reason), .notRecorded(let reason):
            reason
        case .timedOut: "There was no answer in time."
        }
    }
}

/// A database of somebody else's.
package protocol OutboundDatabase: Sendable {
    /// Refuses statements that would change anything.
    func read(_ statement: SQLStatement) async throws(DatabaseFailure) -> SQLRows
    func write(_ statement: SQLStatement) async throws(DatabaseFailure) -> SQLChange
    func close() async
}

/// Where a database is and how it may be used.
package struct DatabaseSource: Sendable, Equatable {
    package var url: String
    /// At most so many at a time; 1 and more.
    package var connections: Int
    package var connectTimeout: Duration
    /// Whether its name may lead to an address that not everybody can reach; see ``AddressRule``.
    package var allowsPrivateAddresses: Bool

    package init(
        url: String, connections: Int = 1, connectTimeout: Duration = .seconds(5), allowsPrivateAddresses: Bool = false
    ) {
        self.url = url
        self.connections = connections
        self.connectTimeout = connectTimeout
        self.allowsPrivateAddresses = allowsPrivateAddresses
    }
}

/// Opens databases by URL; the first statement connects.
package protocol DatabaseOpening: Sendable {
    /// Schemes of the URLs it opens.
    var schemes: [String] { get }
    func open(_ source: DatabaseSource) -> any OutboundDatabase
}

/// Databases of several kinds; the URL's scheme says which.
package struct DatabaseKinds: DatabaseOpening {
    private let kinds: [any DatabaseOpening]

    /// - Parameter kinds: at least one; the first answers for a scheme that none of them opens.
    package init(_ kinds: [any DatabaseOpening]) {
        precondition(!kinds.isEmpty, "There must be a kind of database.")
        self.kinds = kinds
    }

    package var schemes: [String] { kinds.flatMap(\.schemes) }

    package func open(_ source: DatabaseSource) -> any OutboundDatabase {
        let kind = kinds.first { kind in kind.schemes.contains { source.url.hasPrefix($0 + ":") } }
        return (kind ?? kinds[0]).open(source)
    }
}
