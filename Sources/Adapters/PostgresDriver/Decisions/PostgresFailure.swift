package import Storage

/// Why something did not succeed, judged by its SQLSTATE (PostgreSQL manual, appendix A).
package struct PostgresFailure: Error, Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// What the SQLSTATE says.
        case judged
        /// Nothing of it reached the server: it can be sent again whatever it does.
        case unsent
        /// Trying again cannot help: the URL is wrong, or libpq is not there.
        case hopeless
        /// It leads where this target does not admit anybody; trying again does not help either.
        case refusedAddress
        /// The time was up.
        case timedOut
        /// A statement that was only to read tried to write.
        case wouldWrite
        /// The answer has more rows or bytes than are taken.
        case tooMuch
    }

    /// Five characters; empty where it was not the server that said no.
    package var sqlState: String
    package var message: String
    package var kind: Kind

    init(sqlState: String, message: String, kind: Kind = .judged) {
        self.sqlState = sqlState
        self.message = message
        self.kind = kind
    }

    static func lost(_ message: String) -> PostgresFailure { PostgresFailure(sqlState: "08006", message: message) }

    static func unsent(_ message: String) -> PostgresFailure {
        PostgresFailure(sqlState: "08003", message: message, kind: .unsent)
    }

    static func hopeless(_ message: String) -> PostgresFailure {
        PostgresFailure(sqlState: "08001", message: message, kind: .hopeless)
    }

    static func refusedAddress(_ message: String) -> PostgresFailure {
        PostgresFailure(sqlState: "08001", message: message, kind: .refusedAddress)
    }

    static func tooMuch(_ message: String) -> PostgresFailure {
        PostgresFailure(sqlState: "54000", message: message, kind: .tooMuch)
    }

    /// Every connection is in use, or none came about in time.
    static let busy = PostgresFailure(
        sqlState: "08006", message: "No connection to PostgreSQL was free in time.", kind: .timedOut)
    static let timedOut = PostgresFailure(sqlState: "57014", message: "The time was up.", kind: .timedOut)
    static let cancelled = PostgresFailure(sqlState: "57014", message: "The caller did not wait for the answer.")
    static let closed = PostgresFailure(sqlState: "08003", message: "The storage was closed.")

    /// The server undid everything, and another try may succeed: serialisation failures, deadlocks, a statement that a
    /// failed batch before it was to prepare, and a server that has become a standby.
    var wasUndone: Bool {
        kind == .unsent || kind == .judged && ["40001", "40P01", "26000", "25006"].contains(sqlState)
    }

    /// The connection leads nowhere: it broke, the server ends, or it turned out to be a standby.
    var endsConnection: Bool {
        isLoss || sqlState.hasPrefix("57P") || sqlState == "25006" && kind == .judged || kind == .unsent
    }

    /// What was under way may have been done or not.
    ///
    /// The server calls it a violation of the protocol too (08P01) when a statement has other parameters than it was given:
    /// that is no loss.
    package var isLoss: Bool { kind == .judged && sqlState.hasPrefix("08") && sqlState != "08P01" }

    var isHopeless: Bool { kind == .hopeless || kind == .refusedAddress }

    package var storage: StorageFailure {
        switch sqlState.prefix(2) {
        // Lost; out of resources; ended or cancelled by an operator; the system failed; a lock was not to be had.
        case "08" where sqlState != "08P01": .unavailable(message)
        case "53", "57", "58", "55": .unavailable(message)
        case "40": .conflict
        case _ where sqlState == "23505": .conflict
        case _ where sqlState == "25006": .unavailable(message)
        default: .broken(sqlState.isEmpty ? message : "\(message) (SQLSTATE \(sqlState))")
        }
    }
}
