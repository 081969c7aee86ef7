import Cluster
import Seeds
import Synchronization
import Testing
import Vocabulary

@Suite struct ClusterClockTests {
    /// A machine whose wall clock means nothing, and a database far away in time; round trips by chance.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func `it is the database's time within a round trip, and does not go back while that does not`(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let steady = Mutex<UInt64>(5_000_000_000)
        let clock = ClusterClock(steady: { steady.withLock { $0 } })
        let offset = Int64.random(in: -1_000_000_000_000...1_000_000_000_000, using: &random)
        func database() -> Int64 { Int64(steady.withLock { $0 } / 1000) + offset }
        var last = Timestamp(microseconds: .min)
        for beat in 0..<100 {
            let sentAt = steady.withLock { $0 }
            steady.withLock { $0 += UInt64.random(in: 0...50_000_000, using: &random) }
            let time = database()
            steady.withLock { $0 += UInt64.random(in: 0...50_000_000, using: &random) }
            let trip = Int64(steady.withLock { $0 } - sentAt) / 1000 + 2
            clock.note(Timestamp(microseconds: time), between: sentAt, and: steady.withLock { $0 })
            #expect(abs(clock.now().microseconds - database()) <= trip, "seed \(seed)")
            steady.withLock { $0 += UInt64.random(in: 100_000_000...500_000_000, using: &random) }
            if beat > 0 { #expect(clock.now() > last, "seed \(seed)") }
            last = clock.now()
        }
    }

    @Test func `before the first beat it is this machine's clock`() {
        #expect(abs((ClusterClock().now() - .now()).inSeconds) < 5)
    }
}
