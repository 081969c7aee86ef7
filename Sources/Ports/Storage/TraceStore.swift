package import Vocabulary

/// Which traces a list or a bulk action is about; empty fields match all.
package struct TraceFilter: Sendable, Equatable {
    package var status: TraceStatus?
    /// A channel's name.
    package var channel: String?
    package var mode: TraceMode?
    package var isDead: Bool?
    /// Completed before; for purges.
    package var completedBefore: Timestamp?

    package init() {}
}

/// Keeps traces and is the durable queue of async ones.
package protocol TraceStore: Sendable {
    /// Inserts and settles in one transaction, on disk when it returns. Settlements whose owner or epoch is stale are
    /// skipped. Those of the mode `cron` settle their occurrence too.
    /// - Returns: ids of the settlements that were refused.
    func write(inserts: [TraceRecord], settlements: [TraceSettlement]) async throws(StorageFailure) -> [Identifier]

    /// Takes up to `limit` async traces that nobody alive holds (owner empty, or one whose last beat is older than
    /// `patience` by the store's clock; see ``ClusterStore``) and that are pending or running and due, oldest due first:
    /// owner becomes `owner`, the epoch grows by one, status becomes pending. Rows that were `running`, or pending under
    /// a dead owner, come back with `attempt` raised by one only if they were running.
    /// - Parameters:
    ///   - patience: nil where nobody may be taken for dead: only what has no owner is taken then.
    ///   - unserved: names of channels whose traces are left to others.
    func lease(limit: Int, owner: String, patience: Duration?, now: Timestamp, unserved: [String])
        async throws(StorageFailure) -> [TraceRecord]

    /// Pending and running async traces: how many, and the bytes of their inputs.
    func backlog() async throws(StorageFailure) -> (count: Int, bytes: Int)

    func trace(_ id: Identifier) async throws(StorageFailure) -> TraceRecord?

    /// Without `input`, `result` and `steps`. Newest first; only ids below `before` where given; `offset` skips.
    func traces(_ filter: TraceFilter, before: Identifier?, limit: Int, offset: Int, ascending: Bool)
        async throws(StorageFailure) -> [TraceRecord]

    func countTraces(_ filter: TraceFilter) async throws(StorageFailure) -> Int

    /// Dead letters back to the queue: attempt 0, pending, no owner, due now. `ids` nil means all that match `filter`.
    /// - Returns: how many.
    func requeue(_ ids: [Identifier]?, filter: TraceFilter, now: Timestamp) async throws(StorageFailure) -> Int

    /// Deletes dead letters that completed before.
    func purgeDead(before: Timestamp) async throws(StorageFailure) -> Int

    /// Deletes up to `limit` completed or failed (never dead, pending or running) traces created before, oldest first.
    /// - Parameter epoch: the leader's. Where another leads by now, throws `.conflict` and deletes nothing; so do all that
    ///   take one.
    func deleteTraces(before: Timestamp, limit: Int, epoch: Int64) async throws(StorageFailure) -> Int

    /// Deletes up to `limit` of the oldest finished traces beyond the newest `keeping`.
    func deleteTraces(keeping: Int, limit: Int, epoch: Int64) async throws(StorageFailure) -> Int
}

/// Everything that must survive, behind one door.
package protocol DurableStore: DefinitionStore, AdminKeyStore, AuditStore, TraceStore, OccurrenceStore, ClusterStore {
    /// A cheap round trip, for health.
    func ping() async throws(StorageFailure)
    /// Writes everything, as of one moment, to a new file that is verified; requests go on meanwhile.
    func backUp(to file: String) async throws(StorageFailure)
    func close() async
}
