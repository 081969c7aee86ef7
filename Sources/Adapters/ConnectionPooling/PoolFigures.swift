/// What a pool did so far and has now; for metrics.
package struct PoolFigures: Sendable, Equatable {
    package var open = 0
    /// Open, and nobody has them.
    package var idle = 0
    package var waiting = 0
    package var opened = 0
    package var lost = 0
    package var failedToOpen = 0
    /// Callers that got a connection, and the nanoseconds they waited for it in all.
    package var granted = 0
    package var waitedNanoseconds: UInt64 = 0
    /// Callers that got none in time.
    package var refused = 0
    /// Work that the server undid and that was tried again.
    package var retries = 0

    package init() {}
}

/// What has a pool, and tells what it did.
package protocol PoolReporting: Sendable {
    /// As of a moment ago; from anywhere.
    var figures: PoolFigures { get }
}
