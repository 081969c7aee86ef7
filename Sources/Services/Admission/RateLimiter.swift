import Synchronization

/// A token bucket for each key, in shards so that keys seldom wait for one another.
///
/// Keys are bounded: when a shard is full, buckets that are full again are forgotten, which changes nothing for
/// anyone; if none is, the one with the most tokens goes.
package final class RateLimiter: Sendable {
    package let requestsPerSecond: Double
    package let burst: Int
    private let capacity: Double
    private let shards: [Shard]
    private let keysPerShard: Int

    private final class Shard: Sendable {
        let buckets = Mutex<[String: TokenBucket]>([:])
    }

    /// - Parameters:
    ///   - burst: requests at once from a full bucket, at least 1.
    ///   - maxKeys: buckets in all.
    package init(requestsPerSecond: Double, burst: Int, maxKeys: Int = 100_000, shards: Int = 16) {
        precondition(requestsPerSecond > 0, "a rate must be above 0")
        self.requestsPerSecond = requestsPerSecond
        self.burst = max(1, burst)
        capacity = Double(max(1, burst))
        self.shards = (0..<max(1, shards)).map { _ in Shard() }
        keysPerShard = max(1, maxKeys / max(1, shards))
    }

    package var keyCount: Int { shards.reduce(0) { $0 + $1.buckets.withLock { $0.count } } }

    package func admit(key: String, at nanoseconds: UInt64) -> RateDecision {
        let shard = shards[Int(UInt(bitPattern: key.hashValue) % UInt(shards.count))]
        let (wait, tokens) = shard.buckets.withLock { buckets in
            if buckets[key] == nil, buckets.count >= keysPerShard { evict(&buckets, at: nanoseconds) }
            var bucket = buckets[key] ?? TokenBucket(capacity: capacity, at: nanoseconds)
            let wait = bucket.take(capacity: capacity, refillPerSecond: requestsPerSecond, at: nanoseconds)
            buckets[key] = bucket
            return (wait, bucket.tokens)
        }
        let reset = Duration.seconds((capacity - tokens) / requestsPerSecond)
        return wait == 0
            ? .admit(remaining: Int(tokens), limit: burst, reset: reset)
            : .wait(.nanoseconds(Int64(clamping: wait)), limit: burst, reset: reset)
    }

    private func evict(_ buckets: inout [String: TokenBucket], at nanoseconds: UInt64) {
        buckets = buckets.filter {
            !$0.value.isFull(capacity: capacity, refillPerSecond: requestsPerSecond, at: nanoseconds)
        }
        guard buckets.count >= keysPerShard else { return }
        // The fullest bucket loses least by starting over full.
        if let fullest = buckets.max(by: { $0.value.tokens < $1.value.tokens }) { buckets[fullest.key] = nil }
    }
}
