package import Storage
import Synchronization
import Vocabulary

/// This instance's place in the cluster: says that it lives, keeps or takes leadership, and hears what is wanted of all.
///
/// One beat after the other goes to the database and brings the whole view back; an announcement only makes the next one
/// come at once. What a beat shows to be out of date is brought up to date beside it, so that beats go on meanwhile.
package final class Membership: Sendable {
    package struct Settings: Sendable {
        package var interval: Duration
        /// How long after its last beat an instance counts as alive, and a leader leads.
        package var ttl: Duration

        package init(interval: Duration, ttl: Duration) {
            self.interval = interval
            self.ttl = ttl
        }
    }

    /// What there is to say with each beat, and how what is wanted is done.
    package struct Duties: Sendable {
        /// Fills in figures and what is served; called with each beat.
        package var describe: @Sendable (inout InstanceRecord) -> Void
        /// Brings definitions and keys up to what is wanted.
        /// - Parameters:
        ///   - reloads: the orders to reload that were followed already.
        ///   - isRewound: what is known here may be newer than what is wanted, and goes all the same.
        /// - Returns: whether it is done.
        package var follow: @Sendable (_ wanted: ClusterView.Wanted, _ reloads: Int64, _ isRewound: Bool) async -> Bool

        package init(
            describe: @escaping @Sendable (inout InstanceRecord) -> Void,
            follow:
                @escaping @Sendable (_ wanted: ClusterView.Wanted, _ reloads: Int64, _ isRewound: Bool) async -> Bool
        ) {
            self.describe = describe
            self.follow = follow
        }
    }

    private struct State {
        var record: InstanceRecord
        var standing: Standing
        var isLeaving = false
        /// Orders to reload that were given before this instance loaded, or that it has followed.
        var reloads: Int64 = 0
        /// Of the standing's, those that were followed.
        var rewinds = 0
        var duties: Duties?
    }

    package let id: String
    package let settings: Settings
    package let clock: ClusterClock
    private let store: any ClusterStore
    private let state: Mutex<State>
    private let steady: @Sendable () -> UInt64
    private let observe: @Sendable (MembershipEvent) -> Void
    private let next = Alarm()
    private let behind = Alarm()
    private let isStopped = Atomic<Bool>(false)

    package init(
        _ record: InstanceRecord, settings: Settings, store: any ClusterStore, clock: ClusterClock,
        steady: @escaping @Sendable () -> UInt64 = { Stopwatch.nanosecondsAsleepToo() },
        observe: @escaping @Sendable (MembershipEvent) -> Void = { _ in }
    ) {
        id = record.id
        self.settings = settings
        self.store = store
        self.clock = clock
        self.steady = steady
        self.observe = observe
        state = Mutex(
            State(
                record: record,
                standing: Standing(
                    id: record.id, ttl: settings.ttl, isShared: store.isShared, runsSchedules: record.runsSchedules)))
    }

    /// Before the first beat.
    package func take(_ duties: Duties) { state.withLock { $0.duties = duties } }

    /// Where others may send callers.
    package func setAddress(_ address: String) { state.withLock { $0.record.address = address } }

    // MARK: What it knows

    private var standing: Standing { state.withLock { $0.standing } }

    /// The epoch to write under; nil for one that does not lead now.
    package var leaderEpoch: Int64? { standing.leaderEpoch(at: steady()) }
    /// Whether nobody can have taken this instance for dead since its last beat.
    package var isSure: Bool { standing.isSure(at: steady()) }
    /// The time after which others count as dead; nil while this one may not say so of anybody.
    package var patience: Duration? { standing.mayJudge(at: steady()) ? settings.ttl : nil }
    /// How often others may have taken it for dead.
    package var lapses: Int { standing.lapses }
    /// The cluster as of the last beat that was answered.
    package var view: ClusterView? { standing.view }
    /// Seconds since that.
    package var silence: Double { Double(standing.silence(at: steady()) ?? 0) / 1e9 }
    package var isShared: Bool { store.isShared }

    /// The view now, or, unless it must be fresh, the last there was where the database does not answer.
    package func look(fresh isFresh: Bool = false) async throws(StorageFailure) -> ClusterView {
        do throws(StorageFailure) { return try await store.clusterView(ttl: settings.ttl) } catch {
            guard !isFresh, let view else { throw error }
            return view
        }
    }

    /// As ``look(fresh:)``, with how old it is: more than nothing only where the database does not answer.
    package func lookBack() async throws(StorageFailure) -> (view: ClusterView, age: Duration) {
        do throws(StorageFailure) { return (try await store.clusterView(ttl: settings.ttl), .zero) } catch {
            let (view, silence) = (view, standing.silence(at: steady()))
            guard let view else { throw error }
            return (view, .nanoseconds(Int64(silence ?? 0)))
        }
    }

    package func noteFenced() { state.withLock { $0.standing.noteFenced() } }

    // MARK: Beating

    /// The next beat comes at once: something was announced.
    package func beatSoon() { next.ring() }

    package func run() async {
        await withTaskGroup { group in
            group.addTask { await self.followOn() }
            group.addTask { await self.store.listen { self.beatSoon() } }
            await beatOn()
            group.cancelAll()
        }
    }

    private func beatOn() async {
        while !isStopped.load(ordering: .relaxed) {
            do throws(StorageFailure) {
                let view = try await beatOnce()
                if isBehind(view.wanted) { behind.ring() }
            } catch {
                observe(.beatFailed(error))
            }
            // Instances that were started together do not beat together for ever.
            _ = await next.wait(atMost: settings.interval * Double.random(in: 0.9...1))
        }
    }

    /// - Returns: what the database said to it.
    @discardableResult
    package func beatOnce() async throws(StorageFailure) -> ClusterView {
        let sentAt = steady()
        let (record, candidacy, before) = state.withLock { state in
            state.duties?.describe(&state.record)
            state.record.reloads = state.reloads
            return (
                state.record, state.isLeaving ? .none : state.standing.candidacy(at: sentAt), state.standing
            )
        }
        let view = try await store.beat(record, ttl: settings.ttl, candidacy: candidacy)
        let answeredAt = steady()
        if store.isShared { clock.note(view.now, between: sentAt, and: answeredAt) }
        let after = state.withLock { state in
            if before.view == nil { state.reloads = view.wanted.reloads }
            state.standing.noteBeat(sentAt: sentAt, answeredAt: answeredAt, view: view)
            return state.standing
        }
        tell(before, after, at: answeredAt)
        return view
    }

    private func tell(_ before: Standing, _ after: Standing, at now: UInt64) {
        observe(.beat)
        let (old, new) = (before.leaderEpoch(at: now), after.leaderEpoch(at: now))
        if old != new { observe(.leadership(new)) }
        if before.lapses != after.lapses { observe(.lapsed) }
        let alive = Set(after.view?.alive.map(\.record.id) ?? [])
        let known = Set(before.view?.alive.map(\.record.id) ?? [])
        if alive != known { observe(.members(joined: alive.subtracting(known), left: known.subtracting(alive))) }
    }

    // MARK: Following

    private func isBehind(_ wanted: ClusterView.Wanted) -> Bool {
        state.withLock { state in
            state.duties?.describe(&state.record)
            state.record.reloads = state.reloads
            return state.rewinds != state.standing.rewinds || !state.record.has(wanted)
        }
    }

    private func followOn() async {
        while !isStopped.load(ordering: .relaxed) {
            _ = await behind.wait(atMost: .seconds(60))
            guard !isStopped.load(ordering: .relaxed), let wanted = view?.wanted,
                case (let duties?, let reloads, let followed, let rewinds) = state.withLock({
                    ($0.duties, $0.reloads, $0.rewinds, $0.standing.rewinds)
                }), isBehind(wanted)
            else { continue }
            let isRewound = followed != rewinds
            if isRewound { observe(.rewound) }
            guard await duties.follow(wanted, reloads, isRewound) else { continue }  // the next beat asks again
            state.withLock {
                $0.reloads = isRewound ? wanted.reloads : max($0.reloads, wanted.reloads)
                $0.rewinds = rewinds
            }
            observe(.followed(after: clock.now() - wanted.announcedAt))
            next.ring()  // the others want to know
        }
    }

    /// How far an order to reload was given that has been followed here.
    package func noteReloaded(through order: Int64) { state.withLock { $0.reloads = max($0.reloads, order) } }

    // MARK: Leaving

    /// No more leadership from now on; the next beat, which comes at once, lets it go.
    package func resign() {
        state.withLock {
            $0.isLeaving = true
            $0.standing.noteFenced()
        }
        next.ring()
    }

    /// Ends ``run()``.
    package func stop() {
        isStopped.store(true, ordering: .relaxed)
        next.ring()
        behind.ring()
    }

    /// After ``run()`` has ended: what this instance still holds is free, and it is no member any more.
    package func leave() async {
        do throws(StorageFailure) { try await store.depart(id) } catch { observe(.beatFailed(error)) }
    }
}

/// What membership tells metrics, logs and those who wait for a change.
package enum MembershipEvent: Sendable {
    case beat
    case beatFailed(StorageFailure)
    /// This instance leads under this epoch now, or does not lead any more.
    case leadership(Int64?)
    /// Its beats were late: others may have taken over what it held.
    case lapsed
    case members(joined: Set<String>, left: Set<String>)
    /// The database is an older state of itself, or another: everything is loaded again.
    case rewound
    /// What was announced is in effect here, so long after it was.
    case followed(after: Duration)
}
