import Synchronization
import Vocabulary

/// The shared state of one process: what a single instance shares with itself, and the reference for other backends.
///
/// Every answer comes before the method returns.
package final class InMemorySharedState: StateSharing {
    private struct Bucket {
        var tokens: Double
        /// Microseconds.
        var at: Int64
        /// When it is full, and may be forgotten.
        var fullAt: Int64
    }

    private struct Claim {
        var holder: String
        /// Nil while the work is under way.
        var reply: [UInt8]?
        var at: Int64
        var expires: Int64
    }

    private struct State {
        var buckets: [String: Bucket] = [:]
        var claims: [String: Claim] = [:]
        /// When each holder's permit runs out.
        var permits: [String: [String: Int64]] = [:]
        var boards: [String: [String: (stamp: Int64, expires: Int64)]] = [:]
        var lastStamp: Int64 = 0
        var listeners: [UInt64: AsyncStream<Announcement>.Continuation] = [:]
        var lastListener: UInt64 = 0
        var isClosed = false
        var decisions = 0

        /// Forgets what has run out, now and then: nothing is kept for longer than it counts, and a while.
        mutating func sweep(at now: Int64) {
            decisions += 1
            guard decisions % 4096 == 0 else { return }
            buckets = buckets.filter { $0.value.fullAt > now }
            claims = claims.filter { $0.value.expires > now }
            permits = permits.mapValues { $0.filter { $0.value > now } }.filter { !$0.value.isEmpty }
        }
    }

    private let state = Mutex(State())
    private let clock: @Sendable () -> Int64

    private static let mostKept = 64

    /// - Parameter clock: microseconds, on a clock that never steps back.
    package init(clock: @escaping @Sendable () -> Int64 = InMemorySharedState.machineClock) { self.clock = clock }

    package static let machineClock: @Sendable () -> Int64 = {
        let time = ContinuousClock.now - start
        return time.wholeMicroseconds
    }
    private static let start = ContinuousClock.now

    /// Decides under the lock, tells outside it.
    private func decide<Value: Sendable>(
        _ then: Answer<Value>, _ body: (inout State, _ now: Int64) -> Value
    ) {
        let result = state.withLock { state -> Result<Value, SharedStateFailure> in
            guard !state.isClosed else { return .failure(.unreachable("It was closed.")) }
            let now = clock()
            state.sweep(at: now)
            return .success(body(&state, now))
        }
        then(result)
    }

    package func takeTokens(_ request: TokenRequest, then: @escaping Answer<TokenGrant>) {
        decide(then) { state, now in
            var bucket = state.buckets[request.key] ?? Bucket(tokens: request.capacity, at: now, fullAt: now)
            let grown = Double(max(0, now - bucket.at)) / 1e6 * request.rate
            bucket.tokens = min(request.capacity, bucket.tokens + grown + Double(request.returned))
            bucket.at = max(now, bucket.at)
            let granted = min(request.wanted, Int(bucket.tokens))
            bucket.tokens -= Double(granted)
            bucket.fullAt = bucket.at + Int64((request.capacity - bucket.tokens) / request.rate * 1e6) + 1
            state.buckets[request.key] = bucket
            let missing = max(0, 1 - bucket.tokens)
            return TokenGrant(
                granted: granted, left: Int(bucket.tokens),
                wait: .microseconds(Int64((missing / request.rate * 1e6).rounded(.up))))
        }
    }

    package func claim(_ key: String, holder: String, lease: Duration, then: @escaping Answer<ClaimAnswer>) {
        decide(then) { state, now in
            if let known = state.claims[key], known.expires > now {
                if let reply = known.reply { return .settled(reply, age: .microseconds(now - known.at)) }
                guard known.holder == holder else { return .underWay }
            }
            state.claims[key] = Claim(holder: holder, at: now, expires: now + lease.wholeMicroseconds)
            return .won
        }
    }

    package func settle(
        _ key: String, holder: String, with reply: [UInt8]?, lifetime: Duration, then: @escaping Answer<Bool>
    ) {
        decide(then) { state, now in
            let known = state.claims[key].flatMap { $0.expires > now ? $0 : nil }
            if let known, known.reply != nil || known.holder != holder { return false }
            guard let reply else {
                state.claims[key] = nil
                return known != nil
            }
            state.claims[key] = Claim(
                holder: holder, reply: reply, at: now, expires: now + lifetime.wholeMicroseconds)
            return true
        }
    }

    package func takePermit(_ request: PermitRequest, then: @escaping Answer<Bool>) {
        decide(then) { state, now in
            var holders = (state.permits[request.key] ?? [:]).filter { $0.value > now }
            let isOut = holders[request.holder] != nil
            if isOut || holders.count < request.limit {
                holders[request.holder] = now + request.lease.wholeMicroseconds
            }
            state.permits[request.key] = holders
            return holders[request.holder] != nil
        }
    }

    package func returnPermit(_ key: String, holder: String, then: @escaping Answer<Bool>) {
        decide(then) { state, now in
            let expires = state.permits[key]?.removeValue(forKey: holder)
            if state.permits[key]?.isEmpty == true { state.permits[key] = nil }
            return expires.map { $0 > now } ?? false
        }
    }

    package func renewPermits(
        _ key: String, holders: [String], lease: Duration, then: @escaping Answer<Void>
    ) {
        decide(then) { state, now in
            for holder in holders { state.permits[key, default: [:]][holder] = now + lease.wholeMicroseconds }
        }
    }

    package func post(_ name: String, on board: String, lifetime: Duration, then: @escaping Answer<Void>) {
        decide(then) { state, now in
            state.lastStamp = max(now, state.lastStamp + 1)
            var notices = (state.boards[board] ?? [:]).filter { $0.value.expires > now }
            notices[name] = (state.lastStamp, now + lifetime.wholeMicroseconds)
            if notices.count > NoticeLimits.most, let oldest = notices.min(by: { $0.value.stamp < $1.value.stamp }) {
                notices[oldest.key] = nil
            }
            state.boards[board] = notices
        }
    }

    package func withdraw(_ name: String, from board: String, then: @escaping Answer<Void>) {
        decide(then) { state, _ in state.boards[board]?[name] = nil }
    }

    package func read(_ board: String, then: @escaping Answer<[Notice]>) {
        decide(then) { state, now in
            (state.boards[board] ?? [:]).compactMap { name, notice in
                notice.expires > now
                    ? Notice(name: name, stamp: notice.stamp, left: .microseconds(notice.expires - now)) : nil
            }
        }
    }

    package func announce(_ announcement: Announcement, then: @escaping Answer<Void>) {
        let listeners = state.withLock { Array($0.listeners.values) }
        for listener in listeners { listener.yield(announcement) }
        decide(then) { _, _ in }
    }

    package func announcements() -> AsyncStream<Announcement> {
        let (stream, listener) = AsyncStream<Announcement>.makeStream(
            bufferingPolicy: .bufferingNewest(Self.mostKept))
        let number = state.withLock { state -> UInt64? in
            guard !state.isClosed else { return nil }
            state.lastListener += 1
            state.listeners[state.lastListener] = listener
            return state.lastListener
        }
        guard let number else {
            listener.finish()
            return stream
        }
        listener.onTermination = { [weak self] _ in self?.state.withLock { $0.listeners[number] = nil } }
        return stream
    }

    package func ping(then: @escaping Answer<Void>) { decide(then) { _, _ in } }

    package func close() async {
        let listeners = state.withLock { state in
            defer { state.listeners = [:] }
            state.isClosed = true
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.finish() }
    }
}
