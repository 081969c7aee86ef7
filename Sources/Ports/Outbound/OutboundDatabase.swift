/// A value in a database's row, or a parameter of a statement.
package enum SQLValue: Sendable, Equatable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case bytes([UInt8])
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

package enum DatabaseFailure: Error, Sendable, Equatable {
    case unreachable(String)
    case timedOut
    /// The database refused the statement: its reason, for whoever wrote it.
    case refused(String)
    /// Nothing goes out here, and this call was not recorded.
    case notRecorded(String)
}

/// A database of somebody else's.
package protocol OutboundDatabase: Sendable {
    /// Refuses statements that would change anything.
    func read(_ statement: SQLStatement) async throws(DatabaseFailure) -> SQLRows
    func write(_ statement: SQLStatement) async throws(DatabaseFailure) -> (rowsAffected: Int, lastInsertID: Int64)
    func close() async
}

/// Opens databases by URL; the first statement connects.
package protocol DatabaseOpening: Sendable {
    /// Schemes of the URLs it opens.
    var schemes: [String] { get }
    func open(url: String, connections: Int) -> any OutboundDatabase
}
