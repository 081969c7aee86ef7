import Connectors
import Seeds
import Testing

/// What becomes of a breaker when another instance's opens.
@Suite struct BreakerElsewhereTests {
    private static let second: UInt64 = 1_000_000_000

    @Test func `it is open for as long as the other's, and then tries by itself`() {
        var breaker = CircuitBreaker(threshold: 3, recovery: .seconds(30))
        breaker.openElsewhere(stamp: 1, left: .seconds(10), at: 100 * Self.second)

        #expect(breaker.state(at: 100 * Self.second) == .open && breaker.state(at: 109 * Self.second) == .open)
        let probes = (0..<3).map { _ in breaker.permits(at: 110 * Self.second) }
        #expect(probes == [true, false, false], "one probe")
        breaker.succeed()
        #expect(breaker.state(at: 111 * Self.second) == .closed)
    }

    @Test func `the same news counts once, so that what has closed stays closed`() {
        var breaker = CircuitBreaker(threshold: 3, recovery: .seconds(30))
        breaker.openElsewhere(stamp: 5, left: .seconds(10), at: 100 * Self.second)
        breaker.succeed()
        breaker.openElsewhere(stamp: 5, left: .seconds(9), at: 101 * Self.second)
        breaker.openElsewhere(stamp: 4, left: .seconds(9), at: 101 * Self.second)
        #expect(breaker.state(at: 102 * Self.second) == .closed)
        breaker.openElsewhere(stamp: 6, left: .seconds(9), at: 103 * Self.second)
        #expect(breaker.state(at: 104 * Self.second) == .open)
    }

    @Test func `a probe of its own is not disturbed`() {
        var breaker = CircuitBreaker(threshold: 1, recovery: .seconds(1))
        _ = breaker.fail(at: 0)
        let probes = breaker.permits(at: 2 * Self.second)
        #expect(probes)
        breaker.openElsewhere(stamp: 1, left: .seconds(1), at: 2 * Self.second)
        #expect(breaker.state(at: 2 * Self.second) == .halfOpen)
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `whatever news comes, it is open no longer than its recovery`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var breaker = CircuitBreaker(threshold: 3, recovery: .seconds(30))
        let now = UInt64.random(in: 0...(1000 * Self.second), using: &random)
        breaker.openElsewhere(
            stamp: .random(in: -5...5, using: &random), left: .seconds(Int.random(in: -100...10_000, using: &random)),
            at: now)
        #expect(breaker.state(at: now + 30 * Self.second) != .open)
    }
}
