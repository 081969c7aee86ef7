import Admission
import Channels
import JSONTree
import Seeds
import Testing
import Traces
import Vocabulary

@Suite struct DecisionTests {
    @Test(arguments: 0..<300 as Range<UInt64>)
    func `a bucket never admits more than it holds plus what came in`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let rate = Double.random(in: 0.5...500, using: &random)
        let capacity = Double(Int.random(in: 1...50, using: &random))
        var bucket = TokenBucket(capacity: capacity, at: 0)
        var now: UInt64 = 0
        var admitted = 0
        for _ in 0..<500 {
            now += UInt64.random(in: 0...20_000_000, using: &random)
            if bucket.take(capacity: capacity, refillPerSecond: rate, at: now) == 0 { admitted += 1 }
            #expect(bucket.tokens >= 0 && bucket.tokens <= capacity)
        }

        #expect(Double(admitted) <= capacity + rate * Double(now) / 1e9 + 1e-6)
    }

    @Test func `one client's burst leaves another's rate alone, and keys are bounded`() {
        let limiter = RateLimiter(requestsPerSecond: 1, burst: 1, maxKeys: 64, shards: 4)
        for key in 0..<10_000 { _ = limiter.admit(key: "client-\(key)", at: 1) }

        #expect(limiter.keyCount <= 64)
        _ = limiter.admit(key: "a", at: 2)
        if case .admit = limiter.admit(key: "a", at: 3) { Issue.record("the second request came through") }
        if case .wait = limiter.admit(key: "b", at: 3) { Issue.record("another client was refused") }
    }

    @Test func `permits are counted`() {
        let limiter = ConcurrencyLimiter(limit: 2)

        #expect(limiter.take() && limiter.take() && !limiter.take())
        limiter.giveBack()
        #expect(limiter.take() && limiter.inUse == 2)
    }

    @Test(arguments: 1...8)
    func `retries grow with jitter and end in a dead letter`(attempt: Int) {
        let policy = RetryPolicy(isEnabled: true, maxRetries: 5)
        let now = Timestamp(microseconds: 0)

        let decision = policy.decide(attempt: attempt, isRetryable: true, at: now, draw: 0.5)

        if attempt > 5 {
            #expect(decision == .deadLetter)
        } else if case .retry(let dueAt) = decision {
            let ceiling = Double(1 << (attempt - 1))
            #expect((dueAt - now).inSeconds >= ceiling * 0.5 && (dueAt - now).inSeconds <= ceiling)
        } else {
            Issue.record("no retry")
        }
        #expect(policy.decide(attempt: attempt, isRetryable: false, at: now, draw: 0) == .fail)
    }

    @Test func `queue bounds give back what they lend`() {
        let bounds = QueueBounds(maxCount: 2, maxBytes: 100)

        #expect(bounds.reserve(bytes: 60) == nil)
        #expect(bounds.reserve(bytes: 60) == .memory)
        #expect(bounds.reserve(bytes: 10) == nil)
        #expect(bounds.reserve(bytes: 1) == .full)
        bounds.giveBack(bytes: 60)
        bounds.giveBack(bytes: 10)
        #expect(bounds.count == 0 && bounds.bytes == 0)
    }

    @Test func `globs match runs of characters`() {
        #expect(Glob.matches("orders.*", "orders.eu") && !Glob.matches("orders.*", "payments"))
        #expect(Glob.matches("*", "") && Glob.matches("a*b*c", "aXXbYYc") && !Glob.matches("a*b", "abc"))
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `a name spelled in text is the same name, and order of names is order of time`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let time = Timestamp(microseconds: Int64.random(in: 0...4_000_000_000_000_000, using: &random))
        let id = Identifier(at: time, random: (random.next(), random.next()))
        let later = Identifier(at: time + .milliseconds(1), random: (0, 0))

        #expect(Identifier(id.description) == id)
        #expect(id < later)
        #expect(Timestamp(time.civil) == time)
    }
}
