package import Vocabulary

/// What becomes of a run that failed.
package enum RetryDecision: Sendable, Equatable {
    /// Not again: the cause will not go away by itself (a wrong definition, a reply that is too large).
    case fail
    case retry(at: Timestamp)
    case deadLetter
}

/// When a failed run is tried again, and when it is given up.
package struct RetryPolicy: Sendable, Equatable {
    package var isEnabled: Bool
    /// Attempts after the first.
    package var maxRetries: Int
    package var backoff: Backoff

    package init(
        isEnabled: Bool, maxRetries: Int, backoff: Backoff = Backoff(base: .seconds(1), cap: .seconds(300))
    ) {
        self.isEnabled = isEnabled
        self.maxRetries = maxRetries
        self.backoff = backoff
    }

    /// - Parameters:
    ///   - attempt: attempts that have been made, from 1.
    ///   - isRetryable: whether the same input may succeed another time.
    ///   - draw: a random number in 0..<1 for the jitter.
    package func decide(attempt: Int, isRetryable: Bool, at now: Timestamp, draw: Double) -> RetryDecision {
        guard isRetryable else { return .fail }
        guard isEnabled, attempt <= maxRetries else { return .deadLetter }
        return .retry(at: now + backoff.delay(afterAttempt: attempt, draw: draw))
    }
}
