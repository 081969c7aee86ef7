import Synchronization

/// How many may run at a time. Every successful ``take()`` is answered by one ``giveBack()``.
package final class ConcurrencyLimiter: Sendable {
    package let limit: Int
    private let used = Atomic<Int>(0)

    package init(limit: Int) { self.limit = limit }

    package var inUse: Int { used.load(ordering: .relaxed) }

    package func take() -> Bool {
        guard used.add(1, ordering: .acquiringAndReleasing).newValue <= limit else {
            used.subtract(1, ordering: .acquiringAndReleasing)
            return false
        }
        return true
    }

    package func giveBack() {
        let left = used.subtract(1, ordering: .acquiringAndReleasing).newValue
        precondition(left >= 0, "a permit was given back twice")
    }
}
