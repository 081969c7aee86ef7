/// What a new connection is told before it is used.
package struct MySQLSession: Sendable, Equatable {
    enum Purpose: Sendable, Equatable {
        /// Our own tables: strict, in UTC, other transactions' commits seen at once.
        case store
        /// Somebody else's tables: the server's settings hold, but for the zone that instants are told in.
        case guest
    }

    let purpose: Purpose
    package static let store = MySQLSession(purpose: .store)
    package static let guest = MySQLSession(purpose: .guest)

    /// How long a transaction waits for a row that another holds.
    private static let lockSeconds = 5

    func statements(isMariaDB: Bool, statementMilliseconds: Int) -> [String] {
        let zone = "SET SESSION time_zone = '+00:00', autocommit = 1"
        guard purpose == .store else { return [zone] }
        // MySQL's limit counts milliseconds and holds for reading only; the rest is ended from here.
        let limit =
            isMariaDB
            ? "max_statement_time = \(Double(statementMilliseconds) / 1000)"
            : "max_execution_time = \(statementMilliseconds)"
        let modes = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE"
        return [
            zone + ", sql_mode = '\(modes),ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES', \(limit), "
                + "innodb_lock_wait_timeout = \(Self.lockSeconds), lock_wait_timeout = \(Self.lockSeconds * 2)",
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        ]
    }
}
