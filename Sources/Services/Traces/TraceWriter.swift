package import Storage
import Synchronization
package import Vocabulary

/// Commits traces of all requests together: while one batch is being synced to disk the next one gathers, so the price
/// of durability is paid per batch, not per request.
///
/// Whoever hands in a row may hand in a closure; it is called once, from the writer's task, with whether the row is on
/// disk. Rows are gathered in lanes, one for each event loop or worker, so that no lock is shared by all requests.
package final class TraceWriter: Sendable {
    package typealias Completion = @Sendable (_ isCommitted: Bool) -> Void

    private struct Pending {
        var inserts: [TraceRecord] = []
        var settlements: [TraceSettlement] = []
        var completions: [Completion] = []
    }

    private let store: any TraceStore
    private let lanes: [Lane]
    private let count = Atomic<Int>(0)
    private let wakeUps: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation
    private let isIdle = Atomic<Bool>(true)
    /// Completions that have not been called: somebody waits for the next commit.
    private let waiters = Atomic<Int>(0)
    private let capacity: Int
    private let observe: @Sendable (TraceWriterEvent) -> Void

    private final class Lane: Sendable {
        let pending = Mutex(Pending())
    }

    /// - Parameters:
    ///   - lanes: how many threads will hand in rows; each uses a lane of its own.
    ///   - capacity: rows that may wait before ``isFull`` asks callers to wait for their commit.
    package init(
        store: any TraceStore, lanes: Int, capacity: Int = 10_000,
        observe: @escaping @Sendable (TraceWriterEvent) -> Void = { _ in }
    ) {
        self.store = store
        self.lanes = (0..<max(1, lanes)).map { _ in Lane() }
        self.capacity = capacity
        self.observe = observe
        (wakeUps, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Too many rows wait for the disk: a caller that would not have waited for its commit now should.
    package var isFull: Bool { count.load(ordering: .relaxed) >= capacity }

    package func insert(_ record: TraceRecord, lane: Int, then completion: Completion? = nil) {
        if completion != nil { waiters.add(1, ordering: .relaxed) }
        hand(lane) { pending in
            pending.inserts.append(record)
            if let completion { pending.completions.append(completion) }
        }
    }

    package func settle(_ settlement: TraceSettlement, lane: Int, then completion: Completion? = nil) {
        if completion != nil { waiters.add(1, ordering: .relaxed) }
        hand(lane) { pending in
            pending.settlements.append(settlement)
            if let completion { pending.completions.append(completion) }
        }
    }

    private func hand(_ lane: Int, _ add: (inout Pending) -> Void) {
        lanes[lane % lanes.count].pending.withLock { add(&$0) }
        count.add(1, ordering: .relaxed)
        if isIdle.exchange(false, ordering: .acquiringAndReleasing) { wakeUp.yield() }
    }

    /// How long rows nobody waits for may gather: the commit costs the same for one and for a hundred.
    private static let gathering: Duration = .milliseconds(3)

    /// Writes until ``finish()`` was called and nothing is left.
    package func run() async {
        for await _ in wakeUps {
            repeat {
                if count.load(ordering: .relaxed) > 0, waiters.load(ordering: .relaxed) == 0 {
                    try? await Task.sleep(for: Self.gathering)  // cancelled: the commit only comes sooner
                }
            } while await commitOnce()
        }
        while await commitOnce() {}
    }

    /// No more wake-ups: ``run()`` writes what has been handed in and returns.
    package func finish() { wakeUp.finish() }

    /// One batch: everything that waits now.
    /// - Returns: whether there was anything.
    package func commitOnce() async -> Bool {
        isIdle.store(true, ordering: .sequentiallyConsistent)
        let batch = gather()
        let rows = batch.inserts.count + batch.settlements.count
        guard rows > 0 else { return false }
        isIdle.store(false, ordering: .sequentiallyConsistent)
        count.subtract(rows, ordering: .relaxed)
        let isCommitted = await write(batch)
        waiters.subtract(batch.completions.count, ordering: .relaxed)
        for completion in batch.completions { completion(isCommitted) }
        observe(isCommitted ? .committed(rows: rows) : .failed(rows: rows))
        return true
    }

    private func gather() -> Pending {
        var batch = Pending()
        for lane in lanes {
            let pending = lane.pending.withLock { pending in
                let taken = pending
                pending = Pending()
                return taken
            }
            if batch.inserts.isEmpty { batch.inserts = pending.inserts } else { batch.inserts += pending.inserts }
            batch.settlements += pending.settlements
            batch.completions += pending.completions
        }
        return batch
    }

    private func write(_ batch: Pending) async -> Bool {
        do {
            let refused = try await store.write(inserts: batch.inserts, settlements: batch.settlements)
            if !refused.isEmpty { observe(.refused(refused)) }
            return true
        } catch {
            observe(.broken(error))
            return false
        }
    }
}

/// What the writer tells metrics and logs.
package enum TraceWriterEvent: Sendable {
    case committed(rows: Int)
    case failed(rows: Int)
    /// Settlements of runs that another instance has taken over.
    case refused([Identifier])
    case broken(StorageFailure)
}
