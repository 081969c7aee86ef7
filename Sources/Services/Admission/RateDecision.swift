/// What a rate limiter says, with the numbers for `RateLimit-*` headers.
package enum RateDecision: Sendable, Equatable {
    case admit(remaining: Int, limit: Int, reset: Duration)
    case wait(Duration, limit: Int, reset: Duration)
}
