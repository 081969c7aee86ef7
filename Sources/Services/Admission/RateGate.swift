import Vocabulary

/// Who counts a rate: this instance, or all of them together.
package enum RateGate: Sendable {
    case local(RateLimiter)
    case shared(SharedRateLimiter)

    /// What a limiter says.
    package enum Answer: Sendable, Equatable {
        case decided(RateDecision)
        /// The shared state does not answer, and the limit may not go by this instance's count alone.
        case unavailable
    }

    /// - Returns: nil where others have to be asked first: then ``answer(key:)`` tells.
    @inline(__always)
    package func admit(key: String, at nanoseconds: UInt64) -> Answer? {
        switch self {
        case .local(let limiter): .decided(limiter.admit(key: key, at: nanoseconds))
        case .shared(let limiter): limiter.admit(key: key, at: nanoseconds)
        }
    }

    /// Waits for the shared state, no longer than its deadline.
    package func answer(key: String) async -> Answer {
        switch self {
        case .local(let limiter): .decided(limiter.admit(key: key, at: Stopwatch.nanoseconds()))
        case .shared(let limiter): await limiter.answer(key: key)
        }
    }
}
