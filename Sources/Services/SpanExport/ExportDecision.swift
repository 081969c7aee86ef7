package import Outbound
package import Vocabulary

/// What becomes of spans after an attempt to hand them to the collector (OTLP 1.x, "OTLP/HTTP Response").
package struct ExportRetry: Sendable, Equatable {
    package enum Decision: Sendable, Equatable {
        case delivered
        /// Not again: the collector will not have them.
        case giveUp(String)
        case again(after: Duration)
    }

    package var backoff: Backoff
    package var maxAttempts: Int

    package init(
        backoff: Backoff = Backoff(base: .seconds(1), cap: .seconds(30)), maxAttempts: Int = 5
    ) {
        self.backoff = backoff
        self.maxAttempts = maxAttempts
    }

    /// What the specification calls retryable.
    private static let passing: Set<Int> = [429, 502, 503, 504]

    /// - Parameters:
    ///   - attempts: that have been made, this one included.
    ///   - remaining: until nothing may be sent any more.
    ///   - draw: a random number in 0..<1.
    package func decide(
        _ outcome: Result<OutboundReply, OutboundFailure>, attempts: Int, remaining: Duration, draw: Double
    ) -> Decision {
        let reason: String
        var wished = Duration.zero
        switch outcome {
        case .success(let reply) where (200..<300).contains(reply.status): return .delivered
        case .success(let reply):
            reason = "the collector answered \(reply.status)"
            guard Self.passing.contains(reply.status) else { return .giveUp(reason) }
            wished = reply.header("retry-after").flatMap { Int($0) }.map { .seconds(max(0, $0)) } ?? .zero
        case .failure(.timedOut): reason = "the collector did not answer in time"
        case .failure(.unreachable(let why)): reason = "the collector cannot be reached: \(why)"
        case .failure(let failure): return .giveUp("the collector cannot be called: \(failure)")
        }
        let pause = max(backoff.delay(afterAttempt: attempts, draw: draw), wished)
        guard attempts < maxAttempts, pause < remaining else { return .giveUp(reason) }
        return .again(after: pause)
    }
}
