/// Why the store did not do what it was asked.
package enum StorageFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// Somebody else changed it first; load again and decide anew.
    case conflict
    /// The store cannot be reached or is full; asking again later may help.
    case unavailable(String)
    /// The store refused the statement or returned nonsense: our mistake or a damaged file.
    case broken(String)

    /// For people.
    package var sentence: String {
        switch self {
        case .conflict: "Somebody else changed it first."
        case .unavailable(let reason), .broken(let reason): reason
        }
    }

    package var description: String { sentence }
}
