/// When the trace of a synchronous call reaches the disk.
package enum TracePolicy: String, Sendable, CaseIterable {
    /// Committed and synced before the reply.
    case sync
    /// Within milliseconds after the reply.
    case batch
    /// Only runs that failed.
    case failures
    case off
}
