import Synchronization

/// What a client has done so far; for metrics.
package struct RedisFigures: Sendable, Equatable {
    /// Connections that are open now.
    package var open = 0
    /// Connections opened in all; more than one for each loop and server are reconnections.
    package var opened = 0
    package var openFailed = 0
    /// Commands written, those sent again included.
    package var sent = 0
    /// Calls whose deadline came before their reply.
    package var timedOut = 0
    /// Replies nobody waited for any more.
    package var late = 0
    /// Calls that failed otherwise: no connection, a lost one, too many waiting, or refused by the server.
    package var failed = 0
    /// Commands sent to another node because a cluster said so.
    package var redirected = 0
    /// How often the map of a cluster or the master of Sentinel was learned anew and was another.
    package var moves = 0

    static func + (left: RedisFigures, right: RedisFigures) -> RedisFigures {
        RedisFigures(
            open: left.open + right.open, opened: left.opened + right.opened,
            openFailed: left.openFailed + right.openFailed, sent: left.sent + right.sent,
            timedOut: left.timedOut + right.timedOut, late: left.late + right.late, failed: left.failed + right.failed,
            redirected: left.redirected + right.redirected, moves: left.moves + right.moves)
    }
}

extension Atomic<Int> {
    /// For what only one thread writes: no other can come between, so it need not be locked out.
    func count(_ more: Int = 1) { store(load(ordering: .relaxed) &+ more, ordering: .relaxed) }
}

/// Counts of one loop: written there, read anywhere.
final class RedisCounters: Sendable {
    let open = Atomic(0)
    let opened = Atomic(0)
    let openFailed = Atomic(0)
    let sent = Atomic(0)
    let timedOut = Atomic(0)
    let late = Atomic(0)
    let failed = Atomic(0)
    let redirected = Atomic(0)
    let moves = Atomic(0)

    var figures: RedisFigures {
        RedisFigures(
            open: open.load(ordering: .relaxed), opened: opened.load(ordering: .relaxed),
            openFailed: openFailed.load(ordering: .relaxed), sent: sent.load(ordering: .relaxed),
            timedOut: timedOut.load(ordering: .relaxed), late: late.load(ordering: .relaxed),
            failed: failed.load(ordering: .relaxed), redirected: redirected.load(ordering: .relaxed),
            moves: moves.load(ordering: .relaxed))
    }
}
