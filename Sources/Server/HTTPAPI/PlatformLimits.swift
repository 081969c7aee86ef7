import Admission
import Channels
package import Telemetry
import Vocabulary

/// The limits before any channel: all requests of a client, then those of an endpoint class.
package struct PlatformLimits: Sendable {
    package enum EndpointClass: Sendable { case admin, data }

    private let all: RateLimiter?
    private let admin: RateLimiter?
    private let data: RateLimiter?
    private let refused: Counter

    package init(defaultRate: Double?, defaultBurst: Int, adminRate: Double?, dataRate: Double?, refused: Counter) {
        self.refused = refused
        func limiter(_ rate: Double?, _ burst: Int?) -> RateLimiter? {
            rate.map { RateLimiter(requestsPerSecond: $0, burst: burst ?? Int($0) / 2 + 1) }
        }
        all = limiter(defaultRate, defaultBurst)
        admin = limiter(adminRate, nil)
        data = limiter(dataRate, nil)
    }

    var isOff: Bool { all == nil && admin == nil && data == nil }

    func check(_ endpoint: EndpointClass, client: String, at nanoseconds: UInt64) -> Refusal? {
        let limiter = endpoint == .admin ? admin : data
        for limiter in [all, limiter] {
            guard let limiter else { continue }
            let decision = limiter.admit(key: client, at: nanoseconds)
            if case .wait(let duration, _, _) = decision {
                refused.increment()
                return Refusal(
                    Problem(.rateLimited, "Too many requests.", retryAfter: duration), rate: decision)
            }
        }
        return nil
    }
}
