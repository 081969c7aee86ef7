import Vocabulary

/// When an issuer's keys are fetched, in the abstract: it is told what happened and when, and says what to do.
///
/// Keys are fetched again after a while, and when a token names a key that is not among them (the issuer may have a new
/// one), but never twice within the pause: strangers can invent names of keys. While the issuer does not answer, the keys
/// that are known go on being used, up to a bound.
package struct KeySetFreshness: Sendable, Equatable {
    package enum Action: Sendable, Equatable {
        case use
        /// Use what is known, and fetch meanwhile.
        case useAndFetch
        case fetchFirst
        /// There is nothing to use, and nothing to be fetched yet.
        case unavailable
    }

    /// Keys older than this are fetched again.
    package static let refreshAfter: UInt64 = 600 * 1_000_000_000
    /// Keys older than this are not used any more.
    package static let usableFor: UInt64 = 24 * 3600 * 1_000_000_000
    /// Between two fetches that went well.
    package static let pause: UInt64 = 30 * 1_000_000_000

    private let backoff = Backoff(base: .seconds(1), cap: .seconds(60))
    private var fetchedAt: UInt64?
    private var nextFetchAt: UInt64 = 0
    private var failures = 0
    /// Until then somebody is taken to be at fetching, and nobody else is sent.
    private var sentUntil: UInt64 = 0

    private static let errand: UInt64 = 5 * 1_000_000_000

    package init() {}

    package func mayFetch(at now: UInt64) -> Bool { now >= nextFetchAt }

    package func isUsable(at now: UInt64) -> Bool { fetchedAt.map { now < $0 + Self.usableFor } ?? false }

    /// - Parameter knowsKey: whether the key that is asked for is among those that are known.
    package mutating func decide(knowsKey: Bool, at now: UInt64) -> Action {
        guard isUsable(at: now) else { return mayFetch(at: now) ? .fetchFirst : .unavailable }
        guard knowsKey else { return mayFetch(at: now) ? .fetchFirst : .use }
        let isOld = fetchedAt.map { now >= $0 + Self.refreshAfter } ?? true
        guard isOld, mayFetch(at: now), now >= sentUntil else { return .use }
        sentUntil = now + Self.errand
        return .useAndFetch
    }

    package mutating func succeeded(at now: UInt64) {
        fetchedAt = now
        failures = 0
        nextFetchAt = now + Self.pause
    }

    /// - Parameter draw: 0..<1, for the jitter of the pause.
    package mutating func failed(at now: UInt64, draw: Double) {
        failures += 1
        nextFetchAt = now + UInt64(backoff.delay(afterAttempt: failures, draw: draw).wholeMicroseconds) * 1000
    }
}
