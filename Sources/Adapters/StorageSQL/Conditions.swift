/// The conditions of a statement, only those that are asked for, so that the indexes serve; values are parameters.
struct Conditions {
    private(set) var values: [StoreValue] = []
    private var parts: [String] = []

    /// - Parameter condition: with `?` where each value goes.
    mutating func add(_ condition: String, _ values: StoreValue...) { add(Condition(condition, values)) }

    mutating func add(_ condition: Condition) {
        parts.append(condition.text)
        values += condition.values
    }

    var text: String { parts.isEmpty ? "" : " WHERE " + parts.joined(separator: " AND ") }
}
