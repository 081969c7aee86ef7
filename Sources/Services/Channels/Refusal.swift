package import Admission
package import Vocabulary

/// Why a request may not run, with the limiter's numbers where one refused.
package struct Refusal: Error, Sendable {
    package var problem: Problem
    package var rate: RateDecision?
    /// For `WWW-Authenticate`, where it says more than the scheme.
    package var challenge: String?
    /// What may change the answer: do it, then check once more, from where it stopped.
    package var remedy: Remedy?

    package typealias Remedy = @Sendable () async -> GateProgress

    package init(_ problem: Problem, rate: RateDecision? = nil) {
        self.problem = problem
        self.rate = rate
    }

    /// Others have to be asked first. The problem is for where there is no room to wait.
    package static func undecided(_ remedy: @escaping Remedy) -> Refusal {
        var refusal = Refusal(
            Problem(.unavailable, "Too many requests wait to be let in; try again later.", retryAfter: .seconds(1)))
        refusal.remedy = remedy
        return refusal
    }
}

/// How far a request came through the gates before it had to wait: what was asked for it is not asked twice.
package struct GateProgress: Sendable {
    /// What the platform's limit over everything said.
    package var everywhere: RateGate.Answer?
    /// What its limit of the endpoint's class said.
    package var endpoint: RateGate.Answer?
    /// Whether the platform's limits let it in.
    package var isPastPlatform = false
    /// What the channel's rate limit said.
    package var rate: RateGate.Answer?
    /// What the caller's own rate limit said.
    package var principal: RateGate.Answer?
    /// Whether it has waited for what its authentication needed.
    package var hasWaitedForKeys = false

    package init() {}
}

extension GateProgress {
    package func with<Value>(_ path: WritableKeyPath<GateProgress, Value>, _ value: Value) -> GateProgress {
        var copy = self
        copy[keyPath: path] = value
        return copy
    }
}

extension GateProgress? {
    /// The same, for a gate of a channel: with what the channel's rate limit said.
    func after(_ rate: RateDecision?) -> GateProgress {
        var next = self ?? GateProgress()
        next.isPastPlatform = true
        next.rate = rate.map { .decided($0) }
        return next
    }
}
