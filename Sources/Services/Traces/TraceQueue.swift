package import Storage
import Synchronization
package import Vocabulary

/// Work that was accepted with `202` and is done later: the table is the queue, memory only holds what is next.
///
/// A row is on disk, held by this instance, before its caller hears of it; a worker runs it and settles the row. If
/// this process dies, the row is still there, and the next start (or another instance) leases it and runs it again.
package final class TraceQueue: Sendable {
    package struct Settings: Sendable {
        package var workers: Int
        package var timeout: Duration
        package var retry: RetryPolicy
        package var pollInterval: Duration

        package init(workers: Int, timeout: Duration, retry: RetryPolicy, pollInterval: Duration) {
            self.workers = workers
            self.timeout = timeout
            self.retry = retry
            self.pollInterval = pollInterval
        }
    }

    package let bounds: QueueBounds
    package let instance: String
    private let settings: Settings
    private let store: any TraceStore
    private let writer: TraceWriter
    private let clock: WallClock
    private let runner: any TraceRunning
    private let observe: @Sendable (TraceQueueEvent) -> Void
    private let arrivals: AsyncStream<QueuedTrace>
    private let arrival: AsyncStream<QueuedTrace>.Continuation
    private let runningNow = Mutex<Set<Identifier>>([])
    /// Bounded by the queue itself: each entry holds its place in ``bounds``.
    private let unsettled = Mutex<[Unsettled]>([])
    private let isStopping = Atomic<Bool>(false)
    private let mayHoldMore = Atomic<Bool>(true)

    package init(
        settings: Settings, bounds: QueueBounds, instance: String, store: any TraceStore, writer: TraceWriter,
        runner: any TraceRunning, clock: WallClock = .system,
        observe: @escaping @Sendable (TraceQueueEvent) -> Void = { _ in }
    ) {
        self.settings = settings
        self.bounds = bounds
        self.instance = instance
        self.store = store
        self.writer = writer
        self.runner = runner
        self.clock = clock
        self.observe = observe
        // Bounded by `bounds`: nothing is yielded without a reservation.
        (arrivals, arrival) = AsyncStream.makeStream(bufferingPolicy: .unbounded)
    }

    package var activeWorkers: Int { runningNow.withLock { $0.count } }
    package var workers: Int { settings.workers }
    package var facts: QueueFacts {
        QueueFacts(
            instance: instance, waiting: bounds.totalCount, capacity: bounds.maxCount, workers: settings.workers,
            activeWorkers: activeWorkers, retry: settings.retry, timeout: settings.timeout)
    }

    package func isRunning(_ id: Identifier) -> Bool { runningNow.withLock { $0.contains(id) } }

    /// Accepts one run: reserves its place, commits its row, then tells the caller and the workers.
    ///
    /// - Parameter completion: called once; `nil` means accepted and on disk.
    package func accept(
        _ trace: QueuedTrace, tokenHash: [UInt8], lane: Int, then completion: @escaping @Sendable (Problem?) -> Void
    ) {
        let bytes = trace.input.count
        guard !isStopping.load(ordering: .relaxed) else {
            completion(Problem(.unavailable, "The server is shutting down.", retryAfter: .seconds(5)))
            return
        }
        if let refusal = bounds.reserve(bytes: bytes) {
            observe(.rejected(refusal))
            completion(Self.problem(refusal))
            return
        }
        writer.insert(record(trace, tokenHash: tokenHash), lane: lane) { [self] isCommitted in
            guard isCommitted else {
                bounds.giveBack(bytes: bytes)
                completion(
                    Problem(
                        .unavailable, "The trace could not be stored; nothing was accepted.", retryAfter: .seconds(1)))
                return
            }
            arrival.yield(trace)
            completion(nil)
        }
    }

    private func record(_ trace: QueuedTrace, tokenHash: [UInt8]) -> TraceRecord {
        TraceRecord(
            id: trace.id, channelID: trace.channelID, channel: trace.channel, mode: trace.mode, status: .pending,
            input: trace.input, tokenHash: tokenHash, attempt: trace.attempt, owner: instance, epoch: trace.epoch,
            dueAt: clock.now(), createdAt: trace.createdAt, traceparent: trace.traceparent)
    }

    /// Accepts runs whose rows somebody else commits, together with what must be on disk at once with them.
    ///
    /// - Parameter commit: told the rows of those that have a place, which are the first ones; called once, even where
    ///   none has. Returns the names of those that are on disk now; the others give their places back.
    /// - Returns: why not all have a place.
    package func accept(
        _ traces: [QueuedTrace], isolation: isolated (any Actor)? = #isolation,
        committing commit: (_ rows: [TraceRecord]) async throws(StorageFailure) -> Set<Identifier>
    ) async throws(StorageFailure) -> Problem? {
        var placed: [QueuedTrace] = []
        var problem: Problem?
        for trace in traces {
            if isStopping.load(ordering: .relaxed) {
                problem = Problem(.unavailable, "The server is shutting down.", retryAfter: .seconds(5))
            } else if let refusal = bounds.reserve(bytes: trace.input.count) {
                observe(.rejected(refusal))
                problem = Self.problem(refusal)
            }
            if problem != nil { break }
            placed.append(trace)
        }
        var committed: Set<Identifier> = []
        defer {
            for trace in placed {
                if committed.contains(trace.id) {
                    arrival.yield(trace)
                } else {
                    bounds.giveBack(bytes: trace.input.count)
                }
            }
        }
        committed = try await commit(placed.map { record($0, tokenHash: []) })
        return problem
    }

    private static func problem(_ refusal: QueueBounds.Refusal) -> Problem {
        switch refusal {
        case .full:
            Problem(.unavailable, "The trace queue is full; try again later.", retryAfter: .seconds(1))
        case .memory:
            Problem(.unavailable, "The trace queue holds too many bytes; try again later.", retryAfter: .seconds(1))
        }
    }

    /// Runs the workers until ``stop()``; what is queued in memory then stays on disk for the next start.
    package func run() async {
        await withDiscardingTaskGroup { group in
            for worker in 0..<settings.workers {
                group.addTask { await self.work(lane: worker) }
            }
        }
    }

    private func work(lane: Int) async {
        for await trace in arrivals {
            if isStopping.load(ordering: .relaxed) { return }
            await runOnce(trace, lane: lane)
            if mayHoldMore.load(ordering: .relaxed), bounds.count < settings.workers { await rescueOnce() }
        }
    }

    /// Stops taking work; the workers finish the run they are in.
    package func stop() {
        isStopping.store(true, ordering: .sequentiallyConsistent)
        arrival.finish()
    }

    /// Runs one trace and hands its settlement to the writer.
    package func runOnce(_ trace: QueuedTrace, lane: Int) async {
        runningNow.withLock { _ = $0.insert(trace.id) }
        let startedAt = clock.now()
        // Taken over from a process that died: what if it died of this run?
        if trace.epoch > 1, await !isSafe(trace, startedAt: startedAt, lane: lane) { return }
        let attempt = trace.attempt + 1
        let result = await runner.run(trace, attempt: attempt, timeout: settings.timeout)
        let settlement = settle(trace, attempt: attempt, startedAt: startedAt, result: result)
        commit(Unsettled(settlement: settlement, bytes: trace.input.count), lane: lane)
    }

    /// Writes down that a run begins which another process did not live to end, so that its attempts are counted even
    /// if this one does not either; gives it up as a dead letter once they are used up.
    private func isSafe(_ trace: QueuedTrace, startedAt: Timestamp, lane: Int) async -> Bool {
        var mark = TraceSettlement(
            id: trace.id, mode: trace.mode, owner: instance, epoch: trace.epoch, status: .running,
            attempt: trace.attempt, dueAt: startedAt, startedAt: startedAt, completedAt: nil)
        mark.keepsInput = true
        guard trace.attempt <= (settings.retry.isEnabled ? settings.retry.maxRetries : 0) else {
            mark.status = .failed
            mark.isDead = true
            mark.completedAt = startedAt
            mark.errorMessage =
                "The server ended during this run \(trace.attempt) times; it is not tried again by itself."
            observe(.failed(.deadLetter))
            commit(Unsettled(settlement: mark, bytes: trace.input.count), lane: lane)
            return false
        }
        do {
            guard try await store.write(inserts: [], settlements: [mark]).isEmpty else {
                // Somebody else has it by now.
                runningNow.withLock { _ = $0.remove(trace.id) }
                bounds.giveBack(bytes: trace.input.count)
                return false
            }
        } catch {
            observe(.broken(error))  // it is run all the same: the disk may be full, and the run may free it
        }
        return true
    }

    /// A run that has ended and whose end is not on disk yet: it holds its place in the queue until it is.
    private struct Unsettled: Sendable {
        var settlement: TraceSettlement
        var bytes: Int
    }

    private func commit(_ ended: Unsettled, lane: Int) {
        writer.settle(ended.settlement, lane: lane) { [self] isCommitted in
            guard isCommitted else {
                unsettled.withLock { $0.append(ended) }
                return
            }
            runningNow.withLock { _ = $0.remove(ended.settlement.id) }
            bounds.giveBack(bytes: ended.bytes)
            if ended.settlement.mode == .cron { observe(.scheduledRunSettled(ended.settlement.status)) }
        }
    }

    /// Hands in once more what the disk did not take: the work is done and is not done again.
    package func resettleOnce() {
        let waiting = unsettled.withLock { unsettled in
            let taken = unsettled
            unsettled = []
            return taken
        }
        for ended in waiting { commit(ended, lane: 0) }
    }

    /// Counts what waits in the table and not here: retries that are not due yet, and work of an earlier process.
    package func countBacklogOnce() async {
        do {
            let backlog = try await store.backlog()
            bounds.setElsewhere(count: backlog.count - bounds.count, bytes: backlog.bytes - bounds.bytes)
        } catch {
            observe(.broken(error))
        }
    }

    private func settle(_ trace: QueuedTrace, attempt: Int, startedAt: Timestamp, result: RunResult) -> TraceSettlement
    {
        let now = clock.now()
        var settlement = TraceSettlement(
            id: trace.id, mode: trace.mode, owner: instance, epoch: trace.epoch, status: .completed, attempt: attempt,
            dueAt: now,
            startedAt: startedAt, completedAt: now)
        switch result {
        case .completed(let result, let steps):
            settlement.result = result
            settlement.steps = steps
        case .failed(let problem, let isRetryable, let steps):
            settlement.steps = steps
            settlement.errorMessage = problem.message
            settlement.status = .failed
            settlement.keepsInput = true
            let decision = settings.retry.decide(
                attempt: attempt, isRetryable: isRetryable, at: now, draw: Double.random(in: 0..<1))
            switch decision {
            case .fail: break
            case .deadLetter: settlement.isDead = true
            case .retry(let dueAt):
                settlement.status = .pending
                settlement.dueAt = dueAt
                settlement.completedAt = nil
                mayHoldMore.store(true, ordering: .relaxed)
            }
            observe(.failed(decision))
        }
        return settlement
    }

    /// Leases what nobody holds: rows of a process that died, retries that are due, requeued dead letters.
    /// - Returns: how many now wait here.
    @discardableResult
    package func rescueOnce() async -> Int {
        guard bounds.hasRoom, !isStopping.load(ordering: .relaxed) else { return 0 }
        do {
            let limit = 200
            let leased = try await store.lease(limit: limit, owner: instance, alive: [instance], now: clock.now())
            mayHoldMore.store(leased.count == limit, ordering: .relaxed)
            for record in leased {
                bounds.take(bytes: record.input.count)
                arrival.yield(
                    QueuedTrace(
                        id: record.id, channelID: record.channelID, channel: record.channel, input: record.input,
                        attempt: record.attempt, epoch: record.epoch, createdAt: record.createdAt,
                        traceparent: record.traceparent, mode: record.mode))
            }
            if !leased.isEmpty { observe(.rescued(leased.count)) }
            return leased.count
        } catch {
            observe(.broken(error))
            return 0
        }
    }
}

/// What the queue tells metrics and logs.
package enum TraceQueueEvent: Sendable {
    case rejected(QueueBounds.Refusal)
    case failed(RetryDecision)
    case rescued(Int)
    /// A run of the mode `cron` ended, or waits for its next attempt; its end is on disk.
    case scheduledRunSettled(TraceStatus)
    case broken(StorageFailure)
}
