import Admission
import Seeds
import Testing

@Suite struct BackendHealthTests {
    @Test func `it is asked until it fails three times in a row, and again when a probe succeeds`() {
        var health = BackendHealth()
        #expect(!health.failed(at: 0, draw: 0) && !health.failed(at: 1, draw: 0))
        health.succeeded()
        #expect(!health.failed(at: 2, draw: 0) && !health.failed(at: 3, draw: 0) && health.isUp)
        #expect(health.failed(at: 4, draw: 0) && !health.isUp)
        let again = health.failed(at: 5, draw: 0)
        #expect(!again, "it is down already")
        health.succeeded()
        #expect(health.isUp)
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func `while it is down, probes go on at growing intervals of a second at most`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var health = BackendHealth()
        for now in 0..<3 as Range<UInt64> { _ = health.failed(at: now, draw: 0) }
        var probes: [UInt64] = []
        for now in stride(from: 0 as UInt64, to: 20_000_000_000, by: 5_000_000)
        where health.shouldProbe(at: now, draw: .random(in: 0..<1, using: &random)) {
            probes.append(now)
            _ = health.failed(at: now, draw: .random(in: 0..<1, using: &random))
        }
        let pauses = zip(probes, probes.dropFirst()).map { $1 - $0 }
        #expect(probes.first ?? .max <= 60_000_000, "soon")
        #expect(pauses.allSatisfy { $0 <= 1_010_000_000 }, "and for ever: \(pauses)")
        #expect(probes.count < 60, "not too often: \(probes.count)")
    }

    @Test func `what is up is not probed`() {
        var health = BackendHealth()
        let probes = health.shouldProbe(at: 1_000_000_000_000, draw: 0)
        #expect(!probes)
    }
}
