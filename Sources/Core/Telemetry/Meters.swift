import Synchronization

/// Only grows.
package final class Counter: Sendable {
    private let count = Atomic<UInt64>(0)

    package init() {}

    @inline(__always)
    package func increment(by amount: UInt64 = 1) { count.wrappingAdd(amount, ordering: .relaxed) }
    package var value: UInt64 { count.load(ordering: .relaxed) }
}

/// Goes up and down.
package final class Gauge: Sendable {
    private let bits = Atomic<UInt64>(0)

    package init() {}

    package func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    package var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
}

/// Counts observations in buckets, in seconds (or whatever the bounds are in).
package final class Histogram: Sendable {
    package let bounds: [Double]
    private let buckets: [Counter]
    private let nanos = Counter()

    package init(bounds: [Double]) {
        self.bounds = bounds
        buckets = (0...bounds.count).map { _ in Counter() }
    }

    package func observe(seconds value: Double) {
        var place = 0
        while place < bounds.count, value > bounds[place] { place += 1 }
        buckets[place].increment()
        nanos.increment(by: UInt64(max(0, value) * 1e9))
    }

    /// Observations at or below each bound, then all of them; and their sum.
    package func read() -> (cumulative: [UInt64], sum: Double) {
        var total: UInt64 = 0
        let cumulative = buckets.map { bucket in
            total += bucket.value
            return total
        }
        return (cumulative, Double(nanos.value) / 1e9)
    }
}
