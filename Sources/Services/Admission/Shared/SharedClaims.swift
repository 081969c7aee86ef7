import SharedState
import Synchronization
import Vocabulary

/// Claims on work that shall be done once, whichever instance is asked, and what came of it.
package final class SharedClaims: Sendable {
    package enum Answer: Sendable {
        case won(SharedClaim)
        case underWay
        case settled([UInt8], age: Duration)
        /// The shared state does not answer. What is claimed may have been: the claim is settled all the same.
        case unavailable(SharedClaim)
    }

    private let access: SharedAccess
    private let instance: String
    private let lastHolder = Atomic<UInt64>(0)

    /// - Parameter instance: a name no other instance has.
    package init(instance: String, access: SharedAccess) {
        self.instance = instance
        self.access = access
    }

    /// - Parameters:
    ///   - lease: longer than the work can take.
    ///   - lifetime: how long its reply is kept.
    package func take(
        _ key: String, for guardian: SharedGuard, lease: Duration, lifetime: Duration,
        told: @escaping @Sendable (Answer) -> Void
    ) {
        let holder = "\(instance):\(lastHolder.add(1, ordering: .relaxed).newValue)"
        let claim = SharedClaim(
            key: key, holder: holder, lifetime: lifetime,
            until: Stopwatch.nanoseconds() + UInt64(max(lease, lifetime).wholeMicroseconds) * 1000, access: access)
        let take: SharedAccess.Question<ClaimAnswer> = { $0.claim(key, holder: holder, lease: lease, then: $1) }
        access.ask(take) { [access] result in
            switch result {
            case .success(.won): told(.won(claim))
            case .success(.underWay):
                claim.forget()
                told(.underWay)
            case .success(.settled(let reply, let age)):
                claim.forget()
                told(.settled(reply, age: age))
            case .failure(let failure):
                access.fellBack(guardian)
                if !failure.isOutcomeUnknown { claim.neverReached() }
                told(.unavailable(claim))
            }
        }
    }
}

/// A claim that is out, settled exactly once.
package final class SharedClaim: Sendable {
    private let key: String
    private let holder: String
    private let lifetime: Duration
    private let until: UInt64
    private let access: SharedAccess
    private let isOpen = Atomic<Bool>(true)
    /// Whether the shared state may know of it.
    private let mayBeKnown = Atomic<Bool>(true)

    /// More is not remembered: the work may be done again.
    private static let mostBytes = 1 << 20

    init(key: String, holder: String, lifetime: Duration, until: UInt64, access: SharedAccess) {
        self.key = key
        self.holder = holder
        self.lifetime = lifetime
        self.until = until
        self.access = access
    }

    /// It is not ours.
    fileprivate func forget() { isOpen.store(false, ordering: .releasing) }
    fileprivate func neverReached() { mayBeKnown.store(false, ordering: .releasing) }

    /// - Parameters:
    ///   - reply: what it came to; nil where it may be done again.
    ///   - age: how old the reply is.
    package func settle(with reply: [UInt8]?, age: Duration = .zero) {
        guard isOpen.exchange(false, ordering: .acquiringAndReleasing) else { return }
        let reply = reply.flatMap { $0.count <= Self.mostBytes ? $0 : nil }
        guard reply != nil || mayBeKnown.load(ordering: .acquiring) else { return }
        let (key, holder, lifetime) = (key, holder, max(.milliseconds(1), lifetime - age))
        access.insist(until: until, bytes: reply?.count ?? 0) {
            $0.settle(key, holder: holder, with: reply, lifetime: lifetime, then: $1)
        }
    }

    deinit { settle(with: nil) }
}
