import Synchronization

/// Where a run goes on that has used up its slice on the event loop or has to wait: one task each, all children of
/// ``run()``.
package final class BackgroundRuns: Sendable {
    package typealias Work = @Sendable () async -> Void

    private let works: AsyncStream<Work>
    private let work: AsyncStream<Work>.Continuation
    private let inFlight = Atomic<Int>(0)
    private let capacity: Int

    /// - Parameter capacity: runs at a time; beyond it ``start(_:)`` refuses.
    package init(capacity: Int) {
        self.capacity = capacity
        // Bounded by `capacity`.
        (works, work) = AsyncStream.makeStream(bufferingPolicy: .unbounded)
    }

    package var count: Int { inFlight.load(ordering: .relaxed) }

    /// - Returns: `false` when there is no room; the work will not be done then.
    package func start(_ next: @escaping Work) -> Bool {
        guard inFlight.add(1, ordering: .acquiringAndReleasing).newValue <= capacity else {
            inFlight.subtract(1, ordering: .acquiringAndReleasing)
            return false
        }
        guard case .enqueued = work.yield(next) else {
            inFlight.subtract(1, ordering: .acquiringAndReleasing)
            return false
        }
        return true
    }

    package func run() async {
        await withDiscardingTaskGroup { group in
            for await next in works {
                group.addTask {
                    await next()
                    self.inFlight.subtract(1, ordering: .acquiringAndReleasing)
                }
            }
        }
    }

    /// Nothing new; ``run()`` returns when what has started is done.
    package func finish() { work.finish() }
}
