/// A token bucket, in the abstract: it is told the time and answers, and touches nothing else.
///
/// Invariant: `0 <= tokens <= capacity`.
package struct TokenBucket: Sendable, Equatable {
    package private(set) var tokens: Double
    private var updatedAt: UInt64

    /// A full bucket.
    package init(capacity: Double, at nanoseconds: UInt64) {
        tokens = capacity
        updatedAt = nanoseconds
    }

    /// Takes one token.
    /// - Returns: 0 when it was there, else the nanoseconds until one will be.
    package mutating func take(capacity: Double, refillPerSecond: Double, at nanoseconds: UInt64) -> UInt64 {
        refill(capacity: capacity, refillPerSecond: refillPerSecond, at: nanoseconds)
        guard tokens < 1 else {
            tokens -= 1
            return 0
        }
        return UInt64(((1 - tokens) / refillPerSecond * 1e9).rounded(.up))
    }

    /// Whether it would be full: forgetting it then changes nothing.
    package func isFull(capacity: Double, refillPerSecond: Double, at nanoseconds: UInt64) -> Bool {
        var copy = self
        copy.refill(capacity: capacity, refillPerSecond: refillPerSecond, at: nanoseconds)
        return copy.tokens >= capacity
    }

    private mutating func refill(capacity: Double, refillPerSecond: Double, at nanoseconds: UInt64) {
        guard nanoseconds > updatedAt else { return }  // a clock that steps back grants nothing
        tokens = min(capacity, tokens + Double(nanoseconds - updatedAt) / 1e9 * refillPerSecond)
        updatedAt = nanoseconds
    }
}
