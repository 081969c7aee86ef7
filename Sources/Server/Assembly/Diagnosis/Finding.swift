/// What a check found, and what to do about it.
package struct Finding: Sendable, Equatable {
    package enum Status: String, Sendable, Comparable {
        case ok
        /// It works, and may not go on working.
        case warn
        /// It does not work, or not safely.
        case fail

        package static func < (left: Status, right: Status) -> Bool { left.rank < right.rank }

        private var rank: Int {
            switch self {
            case .ok: 0
            case .warn: 1
            case .fail: 2
            }
        }
    }

    /// A name that does not change, such as `storage.fsync`.
    package var check: String
    package var status: Status
    /// A sentence with the numbers in it.
    package var found: String
    /// Nil where there is nothing to do.
    package var advice: String?

    package init(_ check: String, _ status: Status, _ found: String, _ advice: String? = nil) {
        self.check = check
        self.status = status
        self.found = found
        self.advice = advice
    }
}
