package import SharedState

/// One instance's handful of tokens of a bucket that all instances share, in the abstract: it is told the time and what
/// the bucket granted, and says who is let in and when to ask again.
///
/// It takes as many tokens as it gives out in ``horizon``, so that a hot key asks twenty times a second at most however
/// many requests come, and asks ahead of need. Where the bucket had less than was wanted it is left alone for a moment:
/// meanwhile everybody is refused without asking. Tokens that are not used in ``shelfLife`` are not given out any more;
/// they go back with the next question.
///
/// So instances together let in no more than the law of the bucket, and what they held for the shelf life: at most
/// ``Law/most`` each.
package struct TokenLease: Sendable {
    /// What a bucket allows.
    package struct Law: Sendable, Equatable {
        package let rate: Double
        package let capacity: Double
        /// Tokens taken at once: a tenth of a second's, and no more than half of what the bucket holds; few for a
        /// small limit, so that no instance sits on what others need.
        package let most: Int
        /// Nanoseconds for which an empty bucket is left alone: half the time it takes to fill, so that it never
        /// overflows unseen, and not longer than the horizon.
        let pause: UInt64

        package init(rate: Double, capacity: Double) {
            precondition(rate > 0 && capacity >= 1, "no bucket is like that")
            self.rate = rate
            self.capacity = capacity
            most = max(1, Int(min(capacity / 2, rate / 10)))
            pause = UInt64(min(Double(TokenLease.horizon), capacity / rate / 2 * 1e9))
        }
    }

    package struct Question: Sendable, Equatable {
        package var wanted: Int
        package var returned: Int

        package init(wanted: Int, returned: Int) {
            self.wanted = wanted
            self.returned = returned
        }
    }

    package enum Decision: Sendable, Equatable {
        /// Let in; where there is a question, ask it: what is left may soon be used up.
        case admit(Question?)
        /// Refused: nanoseconds until it is worth trying again.
        case refuse(UInt64)
        /// Ask, then decide again.
        case ask(Question)
        /// It is being asked: decide again when the answer is there.
        case wait
    }

    /// Nanoseconds that a handful shall last.
    package static let horizon: UInt64 = 50_000_000
    /// Nanoseconds after which unused tokens are not given out any more.
    package static let shelfLife: UInt64 = 250_000_000

    package private(set) var tokens = 0
    /// Whole tokens the bucket had left when it was asked last.
    package private(set) var left = 0
    package private(set) var isAsking = false
    /// What is on its way is asked for.
    private var wanted = 0
    private var filledAt: UInt64 = 0
    /// Nobody needs to ask before.
    private var emptyUntil: UInt64 = 0
    /// Requests, and since when they were counted.
    private var seen = 0
    private var seenSince: UInt64
    private var perSecond = 0.0
    /// When it was of use last.
    package private(set) var usedAt: UInt64

    package init(at now: UInt64) {
        seenSince = now
        usedAt = now
    }

    /// - Parameter again: whether this request has been counted: it waited.
    package mutating func decide(_ law: Law, at now: UInt64, again: Bool = false) -> Decision {
        usedAt = now
        if !again { count(at: now) }
        let isStale = now > filledAt + Self.shelfLife
        if tokens > 0, !isStale {
            tokens -= 1
            let size = size(law)
            // A bucket that is asked now and then is not asked ahead: that would take what nobody needs.
            guard size > 1, tokens <= size / 2, !isAsking, now >= emptyUntil else { return .admit(nil) }
            return .admit(question(size, stale: 0))
        }
        if isAsking { return .wait }
        if now < emptyUntil { return .refuse(emptyUntil - now) }
        let stale = tokens
        tokens = 0
        return .ask(question(size(law), stale: stale))
    }

    /// The bucket's answer to the question that was asked.
    package mutating func granted(_ grant: TokenGrant, _ law: Law, at now: UInt64) {
        isAsking = false
        if now > filledAt + Self.shelfLife { tokens = 0 }
        tokens += grant.granted
        left = grant.left
        filledAt = now
        guard grant.granted < wanted else { return }
        let wait = UInt64(max(0, grant.wait.wholeMicroseconds)) * 1000
        emptyUntil = now + max(wait, law.pause)
    }

    /// The question was not answered. What it may have taken is lost; nothing is given out twice.
    package mutating func failed() { isAsking = false }

    private mutating func question(_ size: Int, stale: Int) -> Question {
        isAsking = true
        wanted = size
        return Question(wanted: size, returned: stale)
    }

    private func size(_ law: Law) -> Int {
        min(law.most, max(1, Int((perSecond * Double(Self.horizon) / 1e9).rounded(.up))))
    }

    /// Requests a second: of the last horizon and those before, each half as much as the next.
    private mutating func count(at now: UInt64) {
        seen += 1
        guard now >= seenSince + Self.horizon else { return }
        let elapsed = Double(now - seenSince) / 1e9
        let kept = elapsed > 1 ? 0 : perSecond
        perSecond = (kept + Double(seen) / elapsed) / 2
        seen = 0
        seenSince = now
    }
}
