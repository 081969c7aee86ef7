package import NIOCore
import Synchronization

/// Where a run goes on that has used up its slice on the event loop, or has to wait: one task each, all children of
/// ``run()``. What only waits stays on its loop's thread; what computes goes to the others.
package final class BackgroundRuns: Sendable {
    package typealias Work = @Sendable () async -> Void

    private struct Lane: Sendable {
        let works: AsyncStream<Work>
        let work: AsyncStream<Work>.Continuation
        /// Nil for the threads that belong to no loop.
        let executor: LoopExecutor?

        init(_ loop: (any EventLoop)?) {
            // Bounded by the capacity of all.
            (works, work) = AsyncStream.makeStream(bufferingPolicy: .unbounded)
            executor = loop.map(LoopExecutor.init)
        }
    }

    private let shared = Lane(nil)
    private let loops: [ObjectIdentifier: Lane]
    private let inFlight = Atomic<Int>(0)
    private let capacity: Int

    /// - Parameters:
    ///   - capacity: runs at a time; beyond it ``start(on:_:)`` refuses.
    ///   - loops: whose threads may be asked for.
    package init(capacity: Int, loops: [any EventLoop] = []) {
        self.capacity = capacity
        self.loops = Dictionary(uniqueKeysWithValues: loops.map { (ObjectIdentifier($0), Lane($0)) })
    }

    package var count: Int { inFlight.load(ordering: .relaxed) }

    /// - Parameter loop: run it on this loop's thread: only for what computes little between its waits.
    /// - Returns: `false` when there is no room; the work will not be done then.
    package func start(on loop: (any EventLoop)? = nil, _ next: @escaping Work) -> Bool {
        guard inFlight.add(1, ordering: .acquiringAndReleasing).newValue <= capacity else {
            inFlight.subtract(1, ordering: .acquiringAndReleasing)
            return false
        }
        let lane = loop.flatMap { loops[ObjectIdentifier($0)] } ?? shared
        guard case .enqueued = lane.work.yield(next) else {
            inFlight.subtract(1, ordering: .acquiringAndReleasing)
            return false
        }
        return true
    }

    package func run() async {
        await withDiscardingTaskGroup { group in
            for lane in [shared] + loops.values {
                group.addTask(executorPreference: lane.executor) { await self.serve(lane) }
            }
        }
    }

    private func serve(_ lane: Lane) async {
        await withDiscardingTaskGroup { group in
            for await next in lane.works {
                group.addTask {
                    await next()
                    self.inFlight.subtract(1, ordering: .acquiringAndReleasing)
                }
            }
        }
    }

    /// Nothing new; ``run()`` returns when what has started is done.
    package func finish() {
        shared.work.finish()
        for lane in loops.values { lane.work.finish() }
    }
}
