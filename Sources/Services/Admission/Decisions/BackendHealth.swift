package import Vocabulary

/// Whether a backend is asked at all, in the abstract: it is told what came of questions and when, and says.
///
/// After ``threshold`` failures in a row nobody asks any more: a request costs no deadline then. Probes, which belong to
/// no request, go on at growing intervals; one that succeeds ends it.
package struct BackendHealth: Sendable, Equatable {
    package static let threshold = 3

    package private(set) var isUp = true
    private var failures = 0
    private var attempts = 0
    /// Nanoseconds; when the next probe is due.
    private var nextProbe: UInt64 = 0
    private let backoff: Backoff

    package init(backoff: Backoff = Backoff(base: .milliseconds(50), cap: .seconds(1))) { self.backoff = backoff }

    package mutating func succeeded() {
        failures = 0
        attempts = 0
        isUp = true
    }

    /// - Parameter draw: a random number in 0..<1.
    /// - Returns: whether this failure was the one too many.
    package mutating func failed(at now: UInt64, draw: Double) -> Bool {
        failures += 1
        guard isUp else { return false }
        guard failures >= Self.threshold else { return false }
        isUp = false
        attempts = 1
        nextProbe = now + delay(draw)
        return true
    }

    /// - Returns: whether to probe now; the next one is later then.
    package mutating func shouldProbe(at now: UInt64, draw: Double) -> Bool {
        guard !isUp, now >= nextProbe else { return false }
        attempts += 1
        nextProbe = now + delay(draw)
        return true
    }

    private func delay(_ draw: Double) -> UInt64 {
        UInt64(backoff.delay(afterAttempt: attempts, draw: draw).wholeMicroseconds) * 1000
    }
}
