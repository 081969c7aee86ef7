import PostgresDriver

/// The conditions of a statement, only those that are asked for, so that the partial indexes serve; values are
/// parameters.
struct Conditions {
    private(set) var values: [PostgresValue] = []
    private var parts: [String] = []

    /// - Parameter condition: with `?` where the value goes.
    mutating func add(_ condition: String, _ value: PostgresValue) {
        parts.append(condition.split(separator: "?", omittingEmptySubsequences: false).joined(separator: place(value)))
    }

    /// - Parameter condition: holds no value of a caller.
    mutating func add(_ condition: String) { parts.append(condition) }

    /// Adds a parameter that is no condition.
    /// - Returns: how the statement names it.
    mutating func place(_ value: PostgresValue) -> String {
        values.append(value)
        return "$\(values.count)"
    }

    var text: String { parts.isEmpty ? "" : " WHERE " + parts.joined(separator: " AND ") }
}
