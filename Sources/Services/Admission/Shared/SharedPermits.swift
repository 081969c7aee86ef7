import SharedState
import Synchronization
import Vocabulary

/// The right to run, given back exactly once: by ``giveBack()``, or when it is let go of.
package final class Permit: Sendable {
    private let isOut = Atomic<Bool>(true)
    private let returned: @Sendable () -> Void

    package init(_ returned: @escaping @Sendable () -> Void) { self.returned = returned }

    package func giveBack() {
        if isOut.exchange(false, ordering: .acquiringAndReleasing) { returned() }
    }

    deinit { giveBack() }
}

/// How many may run at a time on all instances together. Permits that are out are renewed; those of an instance that died
/// run out.
package final class SharedPermits: Sendable {
    package enum Answer: Sendable {
        case taken(Permit)
        case full
        /// The shared state does not answer, and the limit may not go by this instance's count alone.
        case unavailable
    }

    private struct State {
        /// Of permits that the shared state knows.
        var holders: Set<String> = []
        /// Taken while it did not answer.
        var alone = 0
        var lastHolder: UInt64 = 0
    }

    package let limit: Int
    private let key: String
    private let instance: String
    private let access: SharedAccess
    private let failsOpen: Bool
    private let liveInstances: @Sendable () -> Int
    private let state = Mutex(State())

    /// How long a permit lasts that is not renewed: a dead instance's are free after it.
    package static let lease = Duration.seconds(10)
    /// How often they are renewed: twice may fail.
    package static let renewal = Duration.seconds(3)

    /// - Parameters:
    ///   - name: what the limit is called among all there are.
    ///   - instance: a name no other instance has.
    package init(
        name: String, limit: Int, instance: String, failsOpen: Bool, access: SharedAccess,
        liveInstances: @escaping @Sendable () -> Int
    ) {
        key = name
        self.limit = limit
        self.instance = instance
        self.failsOpen = failsOpen
        self.access = access
        self.liveInstances = liveInstances
    }

    /// Out on this instance.
    package var inUse: Int { state.withLock { $0.holders.count + $0.alone } }

    /// - Parameter told: called once, at once where that is possible.
    package func take(told: @escaping @Sendable (Answer) -> Void) {
        guard access.isUp else { return told(takeAlone()) }
        let holder = state.withLock { state in
            state.lastHolder += 1
            return "\(instance):\(state.lastHolder)"
        }
        let request = PermitRequest(key: key, limit: limit, holder: holder, lease: Self.lease)
        let take: SharedAccess.Question<Bool> = { $0.takePermit(request, then: $1) }
        access.ask(take) { [self] result in
            switch result {
            case .success(true):
                state.withLock { _ = $0.holders.insert(holder) }
                told(.taken(Permit { [self] in giveBack(holder) }))
            case .success(false): told(.full)
            case .failure(let failure):
                if failure.isOutcomeUnknown { tellReturned(holder) }
                told(takeAlone())
            }
        }
    }

    package func take() async -> Answer {
        await withCheckedContinuation { continuation in take { continuation.resume(returning: $0) } }
    }

    private func giveBack(_ holder: String) {
        state.withLock { _ = $0.holders.remove(holder) }
        tellReturned(holder)
    }

    private func tellReturned(_ holder: String) {
        let key = key
        access.insist(until: Stopwatch.nanoseconds() + UInt64(Self.lease.wholeMicroseconds) * 1000) {
            $0.returnPermit(key, holder: holder, then: $1)
        }
    }

    private func takeAlone() -> Answer {
        access.fellBack(.permits)
        guard failsOpen else { return .unavailable }
        let share = max(1, limit / max(1, liveInstances()))
        let isTaken = state.withLock { state in
            guard state.holders.count + state.alone < share else { return false }
            state.alone += 1
            return true
        }
        return isTaken ? .taken(Permit { [self] in state.withLock { $0.alone -= 1 } }) : .full
    }

    /// Says who is still at work.
    package func renewOnce() {
        let holders = state.withLock { Array($0.holders) }
        guard !holders.isEmpty else { return }
        let key = key
        let renew: SharedAccess.Question<Void> = { $0.renewPermits(key, holders: holders, lease: Self.lease, then: $1) }
        access.ask(renew) { [self] _ in
            // Returned while this was on its way: it may have brought them back.
            let gone = state.withLock { state in holders.filter { !state.holders.contains($0) } }
            for holder in gone { tellReturned(holder) }
        }
    }
}
