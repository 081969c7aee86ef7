package import Vocabulary

/// Which occurrences a list is about; empty fields match all.
package struct OccurrenceFilter: Sendable, Equatable {
    package var channelID: String?
    package var status: OccurrenceStatus?
    /// Scheduled at or after, and at or before.
    package var since: Timestamp?
    package var until: Timestamp?

    package init(channelID: String? = nil, status: OccurrenceStatus? = nil) {
        self.channelID = channelID
        self.status = status
    }
}

/// What is to be on disk at once: the next entries of the ledger, the runs that go with them, and how far their
/// schedules have come.
package struct LedgerEntries: Sendable {
    /// New ones, as they are to be.
    package var inserts: [OccurrenceRecord] = []
    /// Ones that are pending and become this.
    package var claims: [OccurrenceRecord] = []
    /// Runs of inserts and claims, by id. A trace of the same id is replaced: another attempt at the same work.
    package var traces: [TraceRecord] = []
    /// Up to which instant a channel's schedule is settled, by channel id.
    package var cursors: [String: Timestamp] = [:]

    package init() {}
}

package enum LedgerOutcome: Sendable, Equatable {
    /// All is on disk but the inserts whose instant was in the ledger already; their runs were left out with them.
    case recorded(leftOut: Set<Identifier>)
    /// Nothing was written: a slot is held, or an occurrence is not pending any more. Look again and decide anew.
    case overtaken
    /// Nothing was written: somebody leads under a later epoch, and we must not.
    case fenced
}

/// Keeps the ledger of schedules: each instant of a channel's schedule once, and what became of it.
package protocol OccurrenceStore: Sendable {
    /// By channel id; none for schedules that have not come to anything yet.
    func scheduleCursors() async throws(StorageFailure) -> [String: Timestamp]

    /// In one transaction, on disk when it returns.
    /// - Parameter epoch: the one the caller leads under; nil for what is done by hand, at any instance.
    func record(_ entries: LedgerEntries, epoch: Int64?) async throws(StorageFailure) -> LedgerOutcome

    /// The pending ones, and the claimed ones that hold a slot; at most the first 10,000 of each, earliest first.
    func openOccurrences() async throws(StorageFailure) -> [OccurrenceRecord]

    /// Moves one that has a status among `from`; when it becomes pending, its old trace goes and it can be claimed anew.
    /// - Returns: whether it had.
    func moveOccurrence(_ id: Identifier, from: [OccurrenceStatus], to status: OccurrenceStatus, at now: Timestamp)
        async throws(StorageFailure) -> Bool

    func occurrence(_ id: Identifier) async throws(StorageFailure) -> OccurrenceRecord?

    /// Latest instant first.
    func occurrences(_ filter: OccurrenceFilter, limit: Int, offset: Int) async throws(StorageFailure)
        -> [OccurrenceRecord]

    func countOccurrences(_ filter: OccurrenceFilter) async throws(StorageFailure) -> Int

    /// Deletes up to `limit` that are not claimed and were scheduled before, oldest first.
    /// - Parameter epoch: the leader's; throws `.conflict` where another leads by now.
    func deleteOccurrences(before: Timestamp, limit: Int, epoch: Int64) async throws(StorageFailure) -> Int

    /// Deletes up to `limit` of those that are over, beyond the newest `keeping`.
    func deleteOccurrences(keeping: Int, limit: Int, epoch: Int64) async throws(StorageFailure) -> Int
}
