/// When reads that wait go out, and how many together, in the abstract: it is told the time, and what went and came back.
/// Times are nanoseconds on one clock.
///
/// Reads of several callers that go together cost one message each way, and the server wakes once for all of them. Where
/// answers come soon, what is asked meanwhile therefore waits for the next one, which is shorter than the way there and
/// back; and callers that just had their answers often ask again: they are waited for, a moment. Where answers take
/// longer, nobody waits for anybody; where they take long, nobody goes together with anybody either.
struct ReadGrouping: Sendable {
    /// Reads that go together at most: the last of them waits for the others.
    static let most = 32
    /// Answers that come within that time are waited for.
    static let soon: UInt64 = 300_000
    /// What is answered within that time may go together.
    static let short: UInt64 = 2_000_000
    /// Nobody is held longer than that, should an answer be late this time.
    static let mostHeld: UInt64 = 1_000_000
    /// How long callers that had their answers are expected back.
    static let moment: UInt64 = 40_000
    /// One answer that took so long is enough to go by oneself for a while.
    private static let long: UInt64 = 10_000_000

    /// Reads under way, and the messages they are in.
    private var reads = 0
    private var messages = 0
    /// How long answers took lately; nothing is known before the first.
    private var usual: UInt64?
    /// Half of the reads there were when the last answer came: the server works on one half while the other is on its way.
    private var half = 1
    private var lastSentAt: UInt64 = 0
    private var expectedUntil: UInt64 = 0

    /// Until when less than ``size(at:)`` are held; nil where they go at once.
    func held(at now: UInt64) -> UInt64? {
        guard let usual, usual <= Self.soon else { return nil }
        if messages > 0, now < lastSentAt + Self.mostHeld { return lastSentAt + Self.mostHeld }
        return now < expectedUntil ? expectedUntil : nil
    }

    /// How many go together, if there are so many.
    func size(at now: UInt64) -> Int {
        guard let usual, usual <= Self.short else { return 1 }
        return held(at: now) == nil ? Self.most : half
    }

    mutating func sent(_ count: Int, at now: UInt64) {
        messages += 1
        reads += count
        lastSentAt = now
    }

    /// - Parameters:
    ///   - count: how many were answered.
    ///   - waiting: how many wait now.
    ///   - sentAt: when they were sent.
    mutating func returned(_ count: Int, waiting: Int, sentAt: UInt64, at now: UInt64) {
        messages -= 1
        reads -= count
        let took = min(now - sentAt, Self.long)
        // The latest counts an eighth.
        usual = took == Self.long ? took : usual.map { ($0 * 7 + took) / 8 } ?? took
        half = min(Self.most, (count + reads + waiting + 1) / 2)
        expectedUntil = now + Self.moment
    }
}
