package import Admission
import Channels
package import Telemetry
import Vocabulary

/// The limits before any channel: all requests of a client, then those of an endpoint class.
package struct PlatformLimits: Sendable {
    package enum EndpointClass: Sendable { case admin, data }

    private let all: RateGate?
    private let admin: RateGate?
    private let data: RateGate?
    private let refused: Counter

    /// - Parameter shared: what counts for all instances together; nil where each counts for itself.
    package init(
        defaultRate: Double?, defaultBurst: Int, adminRate: Double?, dataRate: Double?, refused: Counter,
        shared: SharedGuards? = nil
    ) {
        self.refused = refused
        func gate(_ name: String, _ rate: Double?, _ burst: Int?) -> RateGate? {
            guard let rate else { return nil }
            let burst = burst ?? Int(rate) / 2 + 1
            return shared?.rateGate("platform:" + name, requestsPerSecond: rate, burst: burst, failsOpen: nil)
                ?? .local(RateLimiter(requestsPerSecond: rate, burst: burst))
        }
        all = gate("all", defaultRate, defaultBurst)
        admin = gate("admin", adminRate, nil)
        data = gate("data", dataRate, nil)
    }

    /// - Parameter progress: how far an earlier look came.
    func check(
        _ endpoint: EndpointClass, client: String, at nanoseconds: UInt64, progress: GateProgress? = nil
    ) -> Refusal? {
        if let all {
            let known = progress?.everywhere ?? all.admit(key: client, at: nanoseconds)
            guard let known else {
                return .undecided { GateProgress().with(\.everywhere, await all.answer(key: client)) }
            }
            if let refusal = refusal(known) { return refusal }
        }
        if let gate = endpoint == .admin ? admin : data {
            let known = progress?.endpoint ?? gate.admit(key: client, at: nanoseconds)
            guard let known else {
                // It was let in by the limit over everything, which is not asked again.
                let soFar = GateProgress().with(
                    \.everywhere, .decided(.admit(remaining: 0, limit: 0, reset: .zero)))
                return .undecided { soFar.with(\.endpoint, await gate.answer(key: client)) }
            }
            return refusal(known)
        }
        return nil
    }

    private func refusal(_ answer: RateGate.Answer) -> Refusal? {
        switch answer {
        case .decided(.admit): return nil
        case .decided(let decision):
            guard case .wait(let duration, _, _) = decision else { return nil }
            refused.increment()
            return Refusal(Problem(.rateLimited, "Too many requests.", retryAfter: duration), rate: decision)
        case .unavailable: return Refusal(.sharedStateIsAway)
        }
    }
}
