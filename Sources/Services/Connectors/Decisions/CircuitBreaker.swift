import Vocabulary

/// Stops calling what does not answer, in the abstract: it is told what happened and when, and says whether to call.
///
/// Closed until `threshold` failures in a row; open for `recovery`; then one call at a time is let through, and its end
/// decides ("Release It!", Michael Nygard).
package struct CircuitBreaker: Sendable, Equatable {
    package enum State: String, Sendable {
        case closed, open
        case halfOpen = "half_open"
    }

    package let threshold: Int
    package let recovery: Duration
    private var failures = 0
    private var openedAt: UInt64?
    private var isProbing = false
    /// The latest news of another instance's breaker that was acted on.
    private var lastStamp: Int64 = .min

    package init(threshold: Int, recovery: Duration) {
        precondition(threshold > 0, "a breaker needs a threshold")
        self.threshold = threshold
        self.recovery = recovery
    }

    private var recoveryNanoseconds: UInt64 {
        UInt64(recovery.components.seconds) * 1_000_000_000 + UInt64(recovery.components.attoseconds / 1_000_000_000)
    }

    package func state(at now: UInt64) -> State {
        guard let openedAt else { return .closed }
        return isProbing || now >= openedAt + recoveryNanoseconds ? .halfOpen : .open
    }

    /// Whether a call may be made now. Who gets a yes reports its end with ``succeed()``, ``fail(at:)`` or ``abandon()``.
    package mutating func permits(at now: UInt64) -> Bool {
        switch state(at: now) {
        case .closed: return true
        case .open: return false
        case .halfOpen:
            guard !isProbing else { return false }
            isProbing = true
            return true
        }
    }

    package mutating func succeed() {
        failures = 0
        openedAt = nil
        isProbing = false
    }

    /// - Returns: whether this failure opened it.
    package mutating func fail(at now: UInt64) -> Bool {
        failures += 1
        guard isProbing || failures >= threshold else { return false }
        let wasClosed = openedAt == nil || isProbing
        openedAt = now
        isProbing = false
        return wasClosed
    }

    /// Another instance's breaker opened, and stays so for a while: this one opens for as long, and tries by itself then.
    /// The same news counts once, so that a breaker that closed since stays closed.
    ///
    /// - Parameter stamp: when that was, on a clock both share: greater is later.
    package mutating func openElsewhere(stamp: Int64, left: Duration, at now: UInt64) {
        guard stamp > lastStamp else { return }
        lastStamp = stamp
        // Open already, or a probe of one's own will tell.
        guard left > .zero, state(at: now) != .open, !isProbing else { return }
        let rest = recoveryNanoseconds - min(recoveryNanoseconds, UInt64(max(0, left.inSeconds) * 1e9))
        openedAt = now - min(now, rest)
    }

    /// The call ended without telling anything about the other side: it was refused here, or given up by its caller.
    package mutating func abandon() { isProbing = false }
}
