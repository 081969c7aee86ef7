import Synchronization

/// How much accepted work may wait: by number and by bytes. What is reserved is given back exactly once, when the run
/// has ended.
package final class QueueBounds: Sendable {
    package let maxCount: Int
    private let maxBytes: Int
    private let usedCount = Atomic<Int>(0)
    private let usedBytes = Atomic<Int>(0)
    private let elsewhereCount = Atomic<Int>(0)
    private let elsewhereBytes = Atomic<Int>(0)

    package enum Refusal: Sendable, Equatable { case full, memory }

    package init(maxCount: Int, maxBytes: Int) {
        self.maxCount = maxCount
        self.maxBytes = maxBytes
    }

    /// - Returns: why not, or `nil` when `bytes` are now reserved.
    package func reserve(bytes: Int) -> Refusal? {
        guard
            usedCount.add(1, ordering: .acquiringAndReleasing).newValue + elsewhereCount.load(ordering: .relaxed)
                <= maxCount
        else {
            usedCount.subtract(1, ordering: .acquiringAndReleasing)
            return .full
        }
        guard
            usedBytes.add(bytes, ordering: .acquiringAndReleasing).newValue + elsewhereBytes.load(ordering: .relaxed)
                <= maxBytes
        else {
            giveBack(bytes: bytes)
            return .memory
        }
        return nil
    }

    /// What waits outside this process's memory counts too, as of the last look at the table.
    package func setElsewhere(count: Int, bytes: Int) {
        elsewhereCount.store(max(0, count), ordering: .relaxed)
        elsewhereBytes.store(max(0, bytes), ordering: .relaxed)
    }

    /// All that waits, here and elsewhere.
    package var totalCount: Int { count + elsewhereCount.load(ordering: .relaxed) }
    package var totalBytes: Int { bytes + elsewhereBytes.load(ordering: .relaxed) }

    /// Takes without asking: for work that was accepted before this process started.
    package func take(bytes: Int) {
        usedCount.add(1, ordering: .acquiringAndReleasing)
        usedBytes.add(bytes, ordering: .acquiringAndReleasing)
    }

    package func giveBack(bytes: Int) {
        usedCount.subtract(1, ordering: .acquiringAndReleasing)
        usedBytes.subtract(bytes, ordering: .acquiringAndReleasing)
    }

    package var count: Int { usedCount.load(ordering: .relaxed) }
    package var bytes: Int { usedBytes.load(ordering: .relaxed) }
    package var hasRoom: Bool { count < maxCount && bytes < maxBytes }
}
