import Seeds
import Testing
import Vocabulary

@Suite struct VocabularyTests {
    @Test(arguments: 0..<300 as Range<UInt64>)
    func `a name spelled in text is the same name, and order of names is order of time`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let time = Timestamp(microseconds: Int64.random(in: 0...4_000_000_000_000_000, using: &random))
        let id = Identifier(at: time, random: (random.next(), random.next()))
        let later = Identifier(at: time + .milliseconds(1), random: (0, 0))

        #expect(Identifier(id.description) == id)
        #expect(id < later)
        #expect(Timestamp(time.civil) == time)
        #expect(Timestamp(rfc3339: time.rfc3339) == time)
    }

    @Test(arguments: [
        ("2026-01-31T08:15:30Z", "2026-01-31T08:15:30.000000Z"),
        ("2026-01-31T08:15:30.5z", "2026-01-31T08:15:30.500000Z"),
        ("2026-01-31T08:15:30.1234567+02:00", "2026-01-31T06:15:30.123456Z"),
        ("2026-01-01 00:30:00-01:30", "2026-01-01T02:00:00.000000Z"),
    ])
    func `times are read with fractions and offsets`(text: String, same: String) {
        #expect(Timestamp(rfc3339: text)?.rfc3339 == same)
    }

    @Test(arguments: ["", "2026-02-30T00:00:00Z", "2026-01-31", "2026-01-31T08:15:30", "2026-01-31T08:15:30.Z", "now"])
    func `what is no time is none`(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test func `dates of HTTP are read, and what only looks like one is not`() {
        #expect(Timestamp(httpDate: "Sun, 06 Nov 1994 08:49:37 GMT")?.rfc3339 == "1994-11-06T08:49:37.000000Z")
        for text in [
            "", "Sun, 06 Nov 1994 08:49:37 UTC", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT",
        ] {
            #expect(Timestamp(httpDate: text) == nil, "\(text)")
        }
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `a back-off stays between half of its ceiling and its ceiling, which doubles up to the cap`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let base = Duration.milliseconds(Int64.random(in: 1...1000, using: &random))
        let cap = base * Int.random(in: 1...1000, using: &random)
        let backoff = Backoff(base: base, cap: cap)
        let attempt = Int.random(in: 1...60, using: &random)

        let delay = backoff.delay(afterAttempt: attempt, draw: Double.random(in: 0..<1, using: &random))

        let doubled = attempt > 30 ? cap : min(cap, base * (1 << (attempt - 1)))
        #expect(delay >= doubled * 0.5 && delay <= doubled, "seed \(seed)")
    }

    @Test(arguments: [
        ("porrt", "port"), ("prot", "port"), ("PORT", "port"), ("hots", "host"), ("threads", nil), ("xyz", nil),
    ])
    func `a slip of the fingers finds its word, anything else none`(word: String, nearest: String?) {
        #expect(Spelling.nearest(to: word, among: ["port", "host"]) == nearest)
    }
}
