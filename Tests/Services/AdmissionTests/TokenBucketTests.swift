import Admission
import Seeds
import Testing

@Suite struct TokenBucketTests {
    @Test(arguments: 0..<300 as Range<UInt64>)
    func `tokens stay between none and all`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let capacity = Double.random(in: 1...20, using: &random)
        let rate = Double.random(in: 0.01...1e6, using: &random)
        var bucket = TokenBucket(capacity: capacity, at: 0)

        for _ in 0..<200 {
            // Forwards and backwards, by anything up to centuries.
            let now = random.next() >> UInt64.random(in: 0..<64, using: &random)
            _ = bucket.take(capacity: capacity, refillPerSecond: rate, at: now)
            #expect((0...capacity).contains(bucket.tokens))
        }
    }

    @Test func `it is full again once its time has passed, not before`() {
        var bucket = TokenBucket(capacity: 2, at: 0)
        _ = bucket.take(capacity: 2, refillPerSecond: 1, at: 0)

        #expect(!bucket.isFull(capacity: 2, refillPerSecond: 1, at: 999_999_999))
        #expect(bucket.isFull(capacity: 2, refillPerSecond: 1, at: 1_000_000_000))
    }
}
