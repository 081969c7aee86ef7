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
    let store: any TraceStore
    private let writer: TraceWriter
    let clock: WallClock
    let runner: any TraceRunning
    let tenure: Tenure
    let observe: @Sendable (TraceQueueEvent) -> Void
    private let arrivals: AsyncStream<Arrival>
    private let arrival: AsyncStream<Arrival>.Continuation
    private let runningNow = Mutex<Set<Identifier>>([])
    /// Bounded by the queue itself: each entry holds its place in ``bounds``.
    private let unsettled = Mutex<[Unsettled]>([])
    let isStopping = Atomic<Bool>(false)
    let mayHoldMore = Atomic<Bool>(true)

    private struct Arrival: Sendable {
        var trace: QueuedTrace
        /// How often others may have taken this instance for dead when it came.
        var lapses: Int
    }

    package init(
        settings: Settings, bounds: QueueBounds, instance: String, store: any TraceStore, writer: TraceWriter,
        runner: any TraceRunning, clock: WallClock = .system, tenure: Tenure = .alone,
        observe: @escaping @Sendable (TraceQueueEvent) -> Void = { _ in }
    ) {
        self.settings = settings
        self.bounds = bounds
        self.instance = instance
        self.store = store
        self.writer = writer
        self.runner = runner
        self.tenure = tenure
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
            line(up: trace)
            completion(nil)
        }
    }

    private func record(_ trace: QueuedTrace, tokenHash: [UInt8]) -> TraceRecord {
        TraceRecord(
            id: trace.id, channelID: trace.channelID, channel: trace.channel, mode: trace.mode, status: .pending,
            input: trace.input, tokenHash: tokenHash, attempt: trace.attempt, owner: instance, epoch: trace.epoch,
            dueAt: clock.now(), createdAt: trace.createdAt, traceparent: trace.traceparent)
    }

    /// Accepts runs whose rows somebody else commits, together with what must be on disk at once with them. Those of
    /// channels that other instances serve take no place here: their rows wait for whoever does.
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
        let unserved = Set(runner.unserved)
        for trace in traces {
            if unserved.contains(trace.channel) {
                placed.append(trace)
                continue
            }
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
            for trace in placed where !unserved.contains(trace.channel) {
                if committed.contains(trace.id) {
                    line(up: trace)
                } else {
                    bounds.giveBack(bytes: trace.input.count)
                }
            }
        }
        committed = try await commit(
            placed.map { trace in
                var row = record(trace, tokenHash: [])
                if unserved.contains(trace.channel) { row.owner = "" }
                return row
            })
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
        for await next in arrivals {
            // First taken, then looked: what is given back meanwhile is either seen there or not begun here.
            runningNow.withLock { _ = $0.insert(next.trace.id) }
            if isStopping.load(ordering: .sequentiallyConsistent) {
                runningNow.withLock { _ = $0.remove(next.trace.id) }
                return
            }
            await runOnce(next.trace, lane: lane, lapses: next.lapses)
            if mayHoldMore.load(ordering: .relaxed), bounds.count < settings.workers { await rescueOnce() }
        }
    }

    /// Traces that are running, or have run and are not settled.
    var held: [Identifier] { runningNow.withLock { Array($0) } }

    /// Stops taking work; the workers finish the run they are in.
    package func stop() {
        isStopping.store(true, ordering: .sequentiallyConsistent)
        arrival.finish()
    }

    func line(up trace: QueuedTrace) { arrival.yield(Arrival(trace: trace, lapses: tenure.lapses())) }

    /// Runs one trace and hands its settlement to the writer.
    ///
    /// - Parameter lapses: how often others may have taken this instance for dead when the trace came; nil for now.
    package func runOnce(_ trace: QueuedTrace, lane: Int, lapses: Int? = nil) async {
        runningNow.withLock { _ = $0.insert(trace.id) }
        let startedAt = clock.now()
        // Taken over from a process that died: what if it died of this run? Or held by one that others may have taken for
        // dead: is it still ours?
        let isOurs = tenure.isSure() && lapses ?? tenure.lapses() == tenure.lapses()
        if trace.epoch > 1 || !isOurs, await !isSafe(trace, startedAt: startedAt, lane: lane, isOurs: isOurs) { return }
        let attempt = trace.attempt + 1
        let result = await runner.run(trace, attempt: attempt, timeout: settings.timeout)
        let settlement = settle(trace, attempt: attempt, startedAt: startedAt, result: result)
        commit(Unsettled(settlement: settlement, bytes: trace.input.count), lane: lane)
    }

    /// Writes down that a run begins which another process did not live to end, so that its attempts are counted even
    /// if this one does not either; gives it up as a dead letter once they are used up.
    private func isSafe(_ trace: QueuedTrace, startedAt: Timestamp, lane: Int, isOurs: Bool) async -> Bool {
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
        if await holds(mark, isOurs: isOurs) { return true }
        // Somebody else has it by now, or will.
        runningNow.withLock { _ = $0.remove(trace.id) }
        bounds.giveBack(bytes: trace.input.count)
        return false
    }

    /// Whether the run is this instance's, as the database has it. Where that does not answer, one that nobody can have
    /// taken for dead runs it all the same: the disk may be full, and the run may free it. The others wait.
    private func holds(_ mark: TraceSettlement, isOurs: Bool) async -> Bool {
        let backoff = Backoff(base: .milliseconds(100), cap: .seconds(1))
        var failures = 0
        while true {
            do {
                return try await store.write(inserts: [], settlements: [mark]).isEmpty
            } catch {
                observe(.broken(error))
                if isOurs, tenure.isSure() { return true }
            }
            guard !isStopping.load(ordering: .relaxed) else { return false }
            failures += 1
            // Cancelled: asked once more, and then stopped.
            try? await Task.sleep(for: backoff.delay(afterAttempt: failures, draw: .random(in: 0..<1)))
        }
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
}

/// What the queue tells metrics and logs.
package enum TraceQueueEvent: Sendable {
    case rejected(QueueBounds.Refusal)
    case failed(RetryDecision)
    case rescued(Int)
    /// Runs that waited here are free for others.
    case givenBack(Int)
    /// A run of the mode `cron` ended, or waits for its next attempt; its end is on disk.
    case scheduledRunSettled(TraceStatus)
    case broken(StorageFailure)
}
