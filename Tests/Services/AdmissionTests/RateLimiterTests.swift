import Admission
import Seeds
import Testing

@Suite struct RateLimiterTests {
    static let second: UInt64 = 1_000_000_000

    @Test(arguments: 0..<500 as Range<UInt64>)
    func `never admits more than it holds plus what came in`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let rate = Double.random(in: 0.5...200, using: &random)
        let burst = Int.random(in: 1...50, using: &random)
        let limiter = RateLimiter(requestsPerSecond: rate, burst: burst)
        let start = UInt64.random(in: 0...(1 << 60), using: &random)
        var now = start
        var admitted = 0

        for _ in 0..<300 {
            now += UInt64.random(in: 0...Self.second / 20, using: &random)
            if case .admit(let remaining, let limit, let reset) = limiter.admit(key: "k", at: now) {
                admitted += 1
                #expect((0..<limit).contains(remaining) && reset >= .zero)
            }
        }

        let allowed = Double(burst) + Double(now - start) / 1e9 * rate
        #expect(Double(admitted) <= allowed + 1e-6)
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `who waits as long as told is admitted, and not a moment earlier`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let rate = Double.random(in: 0.1...1000, using: &random)
        let limiter = RateLimiter(requestsPerSecond: rate, burst: Int.random(in: 1...5, using: &random))
        var now = Self.second

        for _ in 0..<20 {
            guard case .wait(let wait, _, _) = limiter.admit(key: "k", at: now) else { continue }
            #expect(wait > .zero)
            let nanoseconds =
                UInt64(wait.components.seconds) * Self.second
                + UInt64(wait.components.attoseconds / 1_000_000_000)
            let early = limiter.admit(key: "k", at: now + nanoseconds - min(nanoseconds, 1000))
            now += nanoseconds + 1
            guard case .wait = early else {
                Issue.record("admitted too early, seed \(seed)")
                return
            }
            guard case .admit = limiter.admit(key: "k", at: now) else {
                Issue.record("still refused, seed \(seed)")
                return
            }
        }
    }

    @Test func `one key's burst leaves another's rate alone`() {
        let limiter = RateLimiter(requestsPerSecond: 1, burst: 2)
        for _ in 0..<10 { _ = limiter.admit(key: "greedy", at: 0) }

        let other = limiter.admit(key: "modest", at: 0)

        #expect(other == .admit(remaining: 1, limit: 2, reset: .seconds(1)))
    }

    @Test func `a clock that steps back grants nothing`() {
        let limiter = RateLimiter(requestsPerSecond: 1, burst: 1)
        _ = limiter.admit(key: "k", at: 100 * Self.second)

        #expect(limiter.admit(key: "k", at: 0) == .wait(.seconds(1), limit: 1, reset: .seconds(1)))
    }

    @Test func `keys are bounded however many ask`() {
        let limiter = RateLimiter(requestsPerSecond: 1, burst: 5, maxKeys: 64, shards: 4)

        for key in 0..<5000 { _ = limiter.admit(key: "\(key)", at: UInt64(key)) }

        #expect(limiter.keyCount <= 64)
    }

    @Test func `who has used most is remembered when room is made`() {
        let limiter = RateLimiter(requestsPerSecond: 0.001, burst: 3, maxKeys: 8, shards: 1)
        for _ in 0..<3 { _ = limiter.admit(key: "greedy", at: 0) }

        for key in 0..<100 { _ = limiter.admit(key: "\(key)", at: 0) }

        guard case .wait = limiter.admit(key: "greedy", at: 0) else {
            Issue.record("the greedy one started over")
            return
        }
    }
}
