package import Outbound
package import Vocabulary

/// Whether a call that failed is made again: only what is safe to repeat, with growing, jittered pauses, and never past
/// the deadline all attempts share.
package struct CallRetry: Sendable, Equatable {
    package enum Decision: Sendable, Equatable {
        case giveUp
        case again(after: Duration)
    }

    package var maxRetries: Int
    package var backoff: Backoff
    package var repeatsUnsafeMethods: Bool

    package init(maxRetries: Int, delay: Duration, repeatsUnsafeMethods: Bool) {
        self.maxRetries = maxRetries
        backoff = Backoff(base: max(delay, .milliseconds(1)), cap: max(delay, .seconds(60)))
        self.repeatsUnsafeMethods = repeatsUnsafeMethods
    }

    /// Idempotent by RFC 9110, section 9.2.2.
    private static let safeToRepeat: Set<String> = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]

    /// Whether the other side may be fine in a moment.
    package static func isPassing(status: Int) -> Bool { status >= 500 || status == 429 || status == 408 }

    package static func isPassing(_ failure: OutboundFailure) -> Bool {
        switch failure {
        case .unreachable, .timedOut: true
        case .malformed, .refusedAddress, .tooLarge, .notRecorded: false
        }
    }

    /// - Parameters:
    ///   - attempts: attempts that have been made, from 1.
    ///   - retryAfter: what the other side asked for, in whole seconds.
    ///   - remaining: until the deadline.
    package func decide(
        method: String, attempts: Int, isPassing: Bool, retryAfter: Int?, remaining: Duration, draw: Double
    ) -> Decision {
        guard isPassing, attempts <= maxRetries, repeatsUnsafeMethods || Self.safeToRepeat.contains(method) else {
            return .giveUp
        }
        let wished = retryAfter.map { Duration.seconds($0) } ?? .zero
        let pause = max(backoff.delay(afterAttempt: attempts, draw: draw), wished)
        return pause < remaining ? .again(after: pause) : .giveUp
    }
}
