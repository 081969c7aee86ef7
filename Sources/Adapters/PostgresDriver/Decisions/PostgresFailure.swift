import Storage

/// Why a batch did not succeed, judged by its SQLSTATE (PostgreSQL manual, appendix A).
struct PostgresFailure: Error, Sendable, Equatable {
    /// Five characters; empty where it was not the server that said no.
    var sqlState: String
    var message: String
    /// Nothing of it reached the server: it can be sent again whatever it does.
    var isUnsent = false

    static func lost(_ message: String) -> PostgresFailure { PostgresFailure(sqlState: "08006", message: message) }

    static func unsent(_ message: String) -> PostgresFailure {
        PostgresFailure(sqlState: "08003", message: message, isUnsent: true)
    }

    static let cancelled = PostgresFailure(sqlState: "57014", message: "The caller did not wait for the answer.")

    /// The server undid everything and asks for another try: serialisation failures, deadlocks, and a statement that a
    /// failed batch before it was to prepare.
    var wasUndone: Bool { isUnsent || ["40001", "40P01", "26000"].contains(sqlState) }

    /// The connection leads nowhere: it broke, the server ends, or it turned out to be a standby.
    var endsConnection: Bool {
        ["08", "57P"].contains { sqlState.hasPrefix($0) } || sqlState == "25006"
    }

    var storage: StorageFailure {
        switch sqlState.prefix(2) {
        // Lost; out of resources; ended or cancelled by an operator; the system failed; a lock was not to be had.
        case "08", "53", "57", "58", "55": .unavailable(message)
        case "40": .conflict
        case _ where sqlState == "23505": .conflict
        case _ where sqlState == "25006": .unavailable(message)
        default: .broken(sqlState.isEmpty ? message : "\(message) (SQLSTATE \(sqlState))")
        }
    }
}
