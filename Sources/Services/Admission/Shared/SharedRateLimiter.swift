import SharedState
import Synchronization
import Vocabulary

/// A token bucket for each key that all instances share. Most requests are decided here, by a handful of tokens that was
/// taken before (``TokenLease``).
///
/// Where the shared state does not answer, each instance goes by a share of the limit of its own, or says so.
package final class SharedRateLimiter: Sendable {
    private struct Entry {
        var lease: TokenLease
        var waiters: [@Sendable (RateGate.Answer) -> Void] = []
    }

    private final class Shard: Sendable {
        let entries = Mutex<[String: Entry]>([:])
    }

    package let requestsPerSecond: Double
    package let burst: Int
    private let law: TokenLease.Law
    /// Goes before every key.
    private let name: String
    private let access: SharedAccess
    private let failsOpen: Bool
    private let liveInstances: @Sendable () -> Int
    private let shards: [Shard]
    private let keysPerShard: Int
    /// Made when it is needed first, for this many instances.
    private let alone = Mutex<(instances: Int, limiter: RateLimiter)?>(nil)

    private static let mostWaiters = 10_000

    /// - Parameters:
    ///   - name: what the limit is called among all there are.
    ///   - failsOpen: whether requests are let in by this instance's own count while the shared state does not answer.
    ///   - liveInstances: how many share the limit then.
    package init(
        name: String, requestsPerSecond: Double, burst: Int, failsOpen: Bool, access: SharedAccess,
        liveInstances: @escaping @Sendable () -> Int, maxKeys: Int = 100_000, shards: Int = 16
    ) {
        self.name = name + "\n"
        self.requestsPerSecond = requestsPerSecond
        self.burst = max(1, burst)
        law = TokenLease.Law(rate: requestsPerSecond, capacity: Double(max(1, burst)))
        self.failsOpen = failsOpen
        self.access = access
        self.liveInstances = liveInstances
        self.shards = (0..<max(1, shards)).map { _ in Shard() }
        keysPerShard = max(1, maxKeys / max(1, shards))
    }

    /// - Returns: nil where the shared state has to be asked: then ``answer(key:)`` does.
    package func admit(key: String, at now: UInt64) -> RateGate.Answer? {
        guard access.isUp else { return decideAlone(key, at: now) }
        let shard = shard(of: key)
        let (answer, question) = shard.entries.withLock { entries -> (RateGate.Answer?, TokenLease.Question?) in
            // A key that is not known is asked for by whoever waits.
            guard var entry = entries[key] else { return (nil, nil) }
            // Tried on a copy: who has to wait decides once more when it does.
            switch entry.lease.decide(law, at: now) {
            case .admit(let question):
                entries[key] = entry
                return (admitted(entry.lease), question)
            case .refuse(let wait):
                entries[key] = entry
                return (refused(entry.lease, wait), nil)
            case .ask, .wait: return (nil, nil)
            }
        }
        if let question { ask(question, key, shard) }
        return answer
    }

    /// Waits for the shared state, no longer than its deadline.
    package func answer(key: String) async -> RateGate.Answer {
        await withCheckedContinuation { continuation in
            admit(key: key) { continuation.resume(returning: $0) }
        }
    }

    /// - Parameter told: called once, at once where that is possible.
    package func admit(key: String, told: @escaping @Sendable (RateGate.Answer) -> Void) {
        let now = Stopwatch.nanoseconds()
        guard access.isUp else { return told(decideAlone(key, at: now)) }
        let shard = shard(of: key)
        let (answer, question) = shard.entries.withLock { entries -> (RateGate.Answer?, TokenLease.Question?) in
            if entries[key] == nil, entries.count >= keysPerShard { evict(&entries) }
            var entry = entries[key] ?? Entry(lease: TokenLease(at: now))
            defer { entries[key] = entry }
            switch entry.lease.decide(law, at: now) {
            case .admit(let question): return (admitted(entry.lease), question)
            case .refuse(let wait): return (refused(entry.lease, wait), nil)
            case .ask(let question):
                entry.waiters.append(told)
                return (nil, question)
            case .wait:
                guard entry.waiters.count < Self.mostWaiters else { return (refused(entry.lease, 50_000_000), nil) }
                entry.waiters.append(told)
                return (nil, nil)
            }
        }
        if let answer { told(answer) }
        if let question { ask(question, key, shard) }
    }

    private func shard(of key: String) -> Shard { shards[Int(UInt(bitPattern: key.hashValue) % UInt(shards.count))] }

    private func ask(_ question: TokenLease.Question, _ key: String, _ shard: Shard) {
        let request = TokenRequest(
            key: name + key, rate: law.rate, capacity: law.capacity, wanted: question.wanted,
            returned: question.returned)
        let take: SharedAccess.Question<TokenGrant> = { $0.takeTokens(request, then: $1) }
        access.ask(take) { [self] in answered($0, key, shard) }
    }

    /// Lets in who waits, as far as the tokens go.
    private func answered(_ result: Result<TokenGrant, SharedStateFailure>, _ key: String, _ shard: Shard) {
        let now = Stopwatch.nanoseconds()
        var told: [(@Sendable (RateGate.Answer) -> Void, RateGate.Answer?)] = []
        let question = shard.entries.withLock { entries -> TokenLease.Question? in
            guard var entry = entries[key] else { return nil }
            defer { entries[key] = entry }
            let waiters = entry.waiters
            entry.waiters = []
            switch result {
            case .success(let grant): entry.lease.granted(grant, law, at: now)
            case .failure:
                entry.lease.failed()
                told = waiters.map { ($0, nil) }
                return nil
            }
            var question: TokenLease.Question?
            for waiter in waiters {
                switch entry.lease.decide(law, at: now, again: true) {
                case .admit(let ahead):
                    told.append((waiter, admitted(entry.lease)))
                    question = ahead ?? question
                case .refuse(let wait): told.append((waiter, refused(entry.lease, wait)))
                case .ask(let more):
                    question = more
                    entry.waiters.append(waiter)
                case .wait: entry.waiters.append(waiter)
                }
            }
            return question
        }
        for (waiter, answer) in told { waiter(answer ?? decideAlone(key, at: now)) }
        if let question { ask(question, key, shard) }
    }

    // MARK: Answers

    private func admitted(_ lease: TokenLease) -> RateGate.Answer {
        let remaining = min(burst, lease.tokens + lease.left)
        return .decided(.admit(remaining: remaining, limit: burst, reset: reset(remaining)))
    }

    private func refused(_ lease: TokenLease, _ wait: UInt64) -> RateGate.Answer {
        .decided(.wait(.nanoseconds(Int64(clamping: wait)), limit: burst, reset: reset(lease.left)))
    }

    private func reset(_ remaining: Int) -> Duration {
        .seconds(max(0, law.capacity - Double(remaining)) / law.rate)
    }

    private func decideAlone(_ key: String, at now: UInt64) -> RateGate.Answer {
        access.fellBack(.rateLimit)
        guard failsOpen else { return .unavailable }
        let instances = max(1, liveInstances())
        let limiter = alone.withLock { alone in
            if let alone, alone.instances == instances { return alone.limiter }
            let limiter = RateLimiter(
                requestsPerSecond: law.rate / Double(instances), burst: max(1, burst / instances))
            alone = (instances, limiter)
            return limiter
        }
        return .decided(limiter.admit(key: key, at: now))
    }

    /// The keys that nobody asked for longest go, an eighth of them, so that it is not done for every new one. Keys that
    /// somebody waits for stay.
    private func evict(_ entries: inout [String: Entry]) {
        let idle = entries.filter { $0.value.waiters.isEmpty && !$0.value.lease.isAsking }
        let oldest = idle.sorted { $0.value.lease.usedAt < $1.value.lease.usedAt }.prefix(max(1, keysPerShard / 8))
        for (key, _) in oldest { entries[key] = nil }
    }
}
