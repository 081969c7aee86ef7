import Seeds
import Testing
import Vocabulary

@testable import AdminAPI

@Suite struct WrongKeyBackoffTests {
    private static let second: UInt64 = 1_000_000_000

    @Test func `some failures are free, then each pause is twice the last, up to the longest`() {
        var backoff = WrongKeyBackoff()
        var now: UInt64 = 0
        var pauses: [Duration] = []

        for _ in 0..<14 {
            let pause = backoff.noteFailure("a", at: now)
            pauses.append(pause ?? .zero)
            #expect(backoff.pause(of: "a", at: now) == pause)
            now += UInt64((pause ?? .zero).wholeMicroseconds) * 1000
            #expect(backoff.pause(of: "a", at: now) == nil)
        }

        let doubled = [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000].map { Duration.milliseconds($0) }
        #expect(pauses == Array(repeating: .zero, count: 5) + doubled)
    }

    @Test func `one client's failures cost another nothing, and are forgotten`() {
        var backoff = WrongKeyBackoff()
        for _ in 0..<8 { _ = backoff.noteFailure("a", at: 0) }

        #expect(backoff.pause(of: "a", at: 0) != nil && backoff.pause(of: "b", at: 0) == nil)
        #expect(backoff.noteFailure("a", at: 301 * Self.second) == nil)
    }

    @Test func `a client is not let off by addresses of its own network, nor others blamed for it`() {
        #expect(WrongKeyBackoff.group("2001:db8:1:2::1") == WrongKeyBackoff.group("2001:db8:1:2:ffff::9"))
        #expect(WrongKeyBackoff.group("2001:db8:1:2::1") != WrongKeyBackoff.group("2001:db8:1:3::1"))
        #expect(WrongKeyBackoff.group("::ffff:10.0.0.1") == "10.0.0.1")
        #expect(WrongKeyBackoff.group("10.0.0.1") != WrongKeyBackoff.group("10.0.0.2"))
        #expect(WrongKeyBackoff.group("not:an:address") == "not:an:address")
    }

    /// Laws, whatever comes in whatever order: the table is bounded; no pause is longer than the longest; what one client
    /// does changes no other's pause; a clock that steps back lets nobody in.
    @Test(arguments: 0..<50 as Range<UInt64>)
    func `a flood of addresses stays within bounds and frees nobody who is being held`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var backoff = WrongKeyBackoff()
        var now: UInt64 = 1000 * Self.second
        for _ in 0..<10 { _ = backoff.noteFailure("attacker", at: now) }
        let held = backoff.pause(of: "attacker", at: now)

        for _ in 0..<(WrongKeyBackoff.mostClients * 2) {
            let stranger = "10.\(random.next() % 256).\(random.next() % 256).\(random.next() % 256)"
            let pause = backoff.noteFailure(stranger, at: now)
            #expect(pause ?? .zero <= WrongKeyBackoff.longestPause)
            now += random.next() % 1000
        }

        #expect(backoff.count <= WrongKeyBackoff.mostClients, "seed \(seed)")
        #expect(held != nil && backoff.pause(of: "attacker", at: now) != nil, "seed \(seed)")
        #expect(backoff.pause(of: "attacker", at: 0) != nil, "seed \(seed)")
    }
}
