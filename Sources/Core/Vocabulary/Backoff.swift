/// How long to wait before asking again: exponential growth with full jitter, so that many who failed together do
/// not come back together ("Exponential Backoff And Jitter", Marc Brooker, 2015).
package struct Backoff: Sendable, Equatable {
    package var base: Duration
    package var cap: Duration

    package init(base: Duration, cap: Duration) {
        precondition(base > .zero && cap >= base, "a back-off needs 0 < base <= cap")
        self.base = base
        self.cap = cap
    }

    /// - Parameters:
    ///   - attempt: how many attempts have failed, from 1.
    ///   - draw: a random number in 0..<1.
    /// - Returns: between half of the ceiling and the ceiling, which doubles with each attempt up to `cap`.
    package func delay(afterAttempt attempt: Int, draw: Double) -> Duration {
        let exponent = Double(min(max(attempt - 1, 0), 40))
        var ceiling = base
        for _ in 0..<Int(exponent) where ceiling < cap { ceiling = min(cap, ceiling * 2) }
        return ceiling * (0.5 + 0.5 * min(max(draw, 0), 1))
    }
}
