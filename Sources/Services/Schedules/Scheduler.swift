package import Channels
package import Cluster
import Definitions
package import Storage
package import Traces
package import Vocabulary

/// Runs what is due, at the instance that leads: sleeps until the next instant of any schedule, or until something
/// changes.
///
/// An occurrence and its run are committed together, so there is no moment in which one is without the other: whenever
/// the process dies, an instant is either not in the ledger yet, and is decided at the next start, or its run is in the
/// queue.
package actor Scheduler {
    package struct Settings: Sendable {
        /// The longest it sleeps between two looks at the clock, which may be set meanwhile.
        package var pollInterval: Duration
        package var grace: Duration
        /// The most any schedule may catch up.
        package var maxCatchUp: Int

        package init(pollInterval: Duration, grace: Duration, maxCatchUp: Int) {
            self.pollInterval = pollInterval
            self.grace = grace
            self.maxCatchUp = maxCatchUp
        }
    }

    /// When to look again.
    package enum Pass: Sendable, Equatable {
        case again
        case sleep(Duration)
        /// Somebody else schedules, until this instance leads.
        case rest
    }

    /// What is known of a schedule between two passes.
    private struct Known {
        var stamp: String
        var cursor: Timestamp
        var next: Timestamp?
    }

    private let settings: Settings
    private let state: ServingState
    private let store: any OccurrenceStore
    private let queue: TraceQueue
    private let alarm: Alarm
    private let clock: WallClock
    private let observe: @Sendable (SchedulerEvent) -> Void
    /// Under which this instance leads now; nil while it does not.
    private let leading: @Sendable () -> Int64?
    private let fenced: @Sendable () -> Void
    /// Under which what is known here was read.
    private var epoch: Int64?
    private var generation: Int64 = -1
    private var known: [String: Known] = [:]
    private var cursors: [String: Timestamp] = [:]
    private var lastPass = Timestamp(microseconds: .min)
    /// Somebody waits, or may: the ledger has to be looked at even though nothing is due.
    private var mayBeWaiting = true
    /// Which channel is asked first: none is always the last to get what places the queue has.
    private var firstInLine = 0
    /// Times in a row that somebody else was faster.
    private var overtakes = 0
    private var isStopped = false

    /// Where there is no schedule, only a reload can bring one.
    private static let idle: Duration = .seconds(60)
    /// Runs that are committed together.
    private static let mostRuns = 500
    private static let mostOvertakes = 4

    /// - Parameters:
    ///   - leading: the epoch under which this instance leads now.
    ///   - fenced: told when a write was refused because another instance leads.
    package init(
        settings: Settings, state: ServingState, store: any OccurrenceStore, queue: TraceQueue, alarm: Alarm,
        clock: WallClock = .system, leading: @escaping @Sendable () -> Int64?,
        fenced: @escaping @Sendable () -> Void = {},
        observe: @escaping @Sendable (SchedulerEvent) -> Void = { _ in }
    ) {
        self.leading = leading
        self.fenced = fenced
        self.settings = settings
        self.state = state
        self.store = store
        self.queue = queue
        self.alarm = alarm
        self.clock = clock
        self.observe = observe
    }

    package func stop() {
        isStopped = true
        alarm.ring()
    }

    package func run() async {
        let backoff = Backoff(base: .milliseconds(200), cap: .seconds(10))
        var failures = 0
        while !isStopped {
            var pause = settings.pollInterval
            do throws(StorageFailure) {
                switch try await passOnce() {
                case .again: pause = .zero
                case .sleep(let duration): pause = duration
                case .rest: pause = settings.pollInterval
                }
                failures = 0
            } catch {
                failures += 1
                observe(.broken(error))
                pause = backoff.delay(afterAttempt: failures, draw: Double.random(in: 0..<1))
            }
            guard !isStopped, pause > .zero else { continue }
            if await alarm.wait(atMost: pause) { mayBeWaiting = true }
        }
    }

    /// Decides and commits everything that is due now.
    package func passOnce() async throws(StorageFailure) -> Pass {
        let snapshot = state.current
        guard let epoch = leading() else { return .rest }
        if epoch != self.epoch {
            // Others have scheduled since: what was known is old.
            self.epoch = epoch
            generation = -1
            known = [:]
        }
        guard !snapshot.scheduled.isEmpty else { return .sleep(Self.idle) }
        let startedAt = Stopwatch.nanoseconds()
        let now = clock.now()
        try await refresh(snapshot, now)
        guard mayBeWaiting || snapshot.scheduled.contains(where: { isDue($0, now) }) else {
            return .sleep(pause(snapshot, now))
        }
        var draft = LedgerDraft(
            open: try await store.openOccurrences(), settings: settings, owner: queue.instance, epoch: epoch, now: now)
        let scheduled = snapshot.scheduled
        for place in scheduled.indices {
            let channel = scheduled[(place + firstInLine) % scheduled.count]
            guard let schedule = channel.definition.schedule, let cursor = known[channel.id]?.cursor else { continue }
            guard draft.runs.count < Self.mostRuns else {
                draft.isMore = true
                break
            }
            draft.addWaiting(channel, schedule, atMost: Self.mostRuns)
            if isDue(channel, now) { draft.addDue(channel, schedule, after: cursor) }
        }
        let outcome = try await commit(&draft, epoch)
        learn(snapshot, now)
        observe(.pass(seconds: Double(Stopwatch.nanoseconds() - startedAt) / 1e9, waiting: draft.waitingAfter))
        switch outcome {
        case .fenced:
            self.epoch = nil
            fenced()
            observe(.fenced)
            return .rest
        case .overtaken:
            overtakes += 1
            return overtakes < Self.mostOvertakes ? .again : .sleep(settings.pollInterval)
        case .recorded:
            overtakes = 0
            mayBeWaiting = false
            // Those that catch up were written down first; now they take their turns.
            if draft.isMore && !draft.isCut || draft.hasNewlyWaiting {
                mayBeWaiting = true
                return .again
            }
            if draft.isCut {
                // Nobody tells of places in the queue. Another channel is the first to ask for those that come.
                firstInLine = (firstInLine + 1) % scheduled.count
                mayBeWaiting = true
                return .sleep(settings.pollInterval)
            }
            // The alarm rings when a slot may be free; the clock is there in case that was missed.
            if draft.waitingAfter > 0 { mayBeWaiting = true }
            return .sleep(pause(snapshot, clock.now()))
        }
    }

    /// Takes new and changed schedules over, and notices when the clock was set back.
    private func refresh(_ snapshot: ServingSnapshot, _ now: Timestamp) async throws(StorageFailure) {
        if snapshot.generation != generation {
            cursors = try await store.scheduleCursors()
            generation = snapshot.generation
            let ids = Set(snapshot.scheduled.map(\.id))
            known = known.filter { ids.contains($0.key) }
            mayBeWaiting = true
        }
        if now < lastPass {
            known = [:]
            observe(.clockSetBack(by: lastPass - now))
        }
        lastPass = now
        learn(snapshot, now)
    }

    /// Works out the next instant of every schedule that is not known as it is.
    private func learn(_ snapshot: ServingSnapshot, _ now: Timestamp) {
        for channel in snapshot.scheduled {
            guard let schedule = channel.definition.schedule else { continue }
            if let seen = known[channel.id], seen.stamp == channel.stamp { continue }
            // A schedule begins when its version goes live: what another one would have run before is not missed.
            let through = max(cursors[channel.id] ?? channel.activatedAt, channel.activatedAt)
            let cursor = min(through, now)
            known[channel.id] = Known(
                stamp: channel.stamp, cursor: cursor,
                next: schedule.expression.next(after: cursor, in: schedule.zone))
        }
    }

    private func isDue(_ channel: ServedChannel, _ now: Timestamp) -> Bool {
        guard let next = known[channel.id]?.next else { return false }
        return next <= now
    }

    private func pause(_ snapshot: ServingSnapshot, _ now: Timestamp) -> Duration {
        let soonest = snapshot.scheduled.compactMap { known[$0.id]?.next }.min()
        guard let soonest else { return settings.pollInterval }
        return min(max(soonest - now, .milliseconds(1)), settings.pollInterval)
    }

    /// Takes places in the queue for the runs and writes everything down at once.
    private func commit(_ draft: inout LedgerDraft, _ epoch: Int64) async throws(StorageFailure) -> LedgerOutcome {
        guard !draft.isEmpty else {
            _ = draft.entries(with: [])  // nothing to write, but those that wait are counted
            return .recorded(leftOut: [])
        }
        let store = store
        var outcome = LedgerOutcome.recorded(leftOut: [])
        var entries = LedgerEntries()
        let runs = draft.runs
        var fitted = draft
        _ = try await queue.accept(runs) { rows throws(StorageFailure) in
            entries = fitted.entries(with: rows)
            outcome = try await store.record(entries, epoch: epoch)
            guard case .recorded(let leftOut) = outcome else { return [] }
            return Set(rows.map(\.id)).subtracting(leftOut).intersection(entries.traces.map(\.id))
        }
        draft = fitted
        guard case .recorded(let leftOut) = outcome else { return outcome }
        for (channelID, cursor) in entries.cursors {
            cursors[channelID] = cursor
            known[channelID] = nil  // to be learned anew
        }
        for record in entries.inserts + entries.claims where !leftOut.contains(record.id) {
            observe(.recorded(record, late: draft.now - record.scheduledFor))
        }
        return outcome
    }
}

/// What the scheduler tells metrics and logs.
package enum SchedulerEvent: Sendable {
    case recorded(OccurrenceRecord, late: Duration)
    case pass(seconds: Double, waiting: Int)
    case clockSetBack(by: Duration)
    case fenced
    case broken(StorageFailure)
}
