import Storage
import Vocabulary

/// The statements about the ledger of schedules whose text never changes.
struct OccurrenceTexts: Sendable {
    static let columns = [
        "id", "channel_id", "channel", "scheduled_for", "is_manual", "status", "singleton_key", "singleton_slot",
        "attempt", "instants", "first_missed", "error", "owner", "epoch", "created_at", "started_at", "completed_at",
    ]
    static let list = columns.joined(separator: ", ")

    let cursors = "SELECT channel_id, through FROM schedule_cursors"
    let cursor: String
    let held: String
    let pending: String
    let occurrence: String
    let edge: String
    let deleteBefore: String
    let deleteThrough: String
    private let isPendingText: String
    private let holderText: String
    private let claimText: String
    private let insertText: String
    private let forgetTraceText: String

    init(_ dialect: any Dialect) {
        cursor = dialect.marked(
            dialect.upsert(into: "schedule_cursors", ["channel_id", "through"], key: ["channel_id"]))
        // The small partial indexes: a planner would rather walk the whole ledger in order.
        held = """
            SELECT \(Self.list) FROM occurrences\(dialect.using(index: "occurrences_slot"))
            WHERE status = 1 AND singleton_slot IS NOT NULL ORDER BY scheduled_for, id LIMIT 10000
            """
        pending = """
            SELECT \(Self.list) FROM occurrences\(dialect.using(index: "occurrences_pending"))
            WHERE status = 0 ORDER BY scheduled_for, id LIMIT 10000
            """
        occurrence = dialect.marked("SELECT \(Self.list) FROM occurrences WHERE id = ?")
        edge = dialect.marked("SELECT scheduled_for FROM occurrences ORDER BY scheduled_for DESC LIMIT 1 OFFSET ?")
        deleteBefore = dialect.marked(
            dialect.deleteFirst(
                from: "occurrences", where: "scheduled_for < ? AND status <> 1 AND \(ClusterTexts.leads)",
                by: "scheduled_for"))
        deleteThrough = dialect.marked(
            dialect.deleteFirst(
                from: "occurrences", where: "scheduled_for <= ? AND status > 1 AND \(ClusterTexts.leads)",
                by: "scheduled_for"))
        isPendingText = dialect.marked("SELECT 1 FROM occurrences WHERE id = ? AND status = 0")
        holderText = dialect.marked(
            """
            SELECT 1 FROM occurrences WHERE singleton_key = ? AND singleton_slot = ? AND status = 1
            AND singleton_slot IS NOT NULL AND id <> ? AND NOT EXISTS (
                SELECT 1 FROM occurrences WHERE channel_id = ? AND scheduled_for = ? AND id <> ?)
            """)
        claimText = dialect.marked(
            """
            UPDATE occurrences SET status = ?, singleton_key = ?, singleton_slot = ?, error = ?, owner = ?, epoch = ?,
            completed_at = ? WHERE id = ?
            """)
        insertText = dialect.marked(
            dialect.insertUnlessTaken(into: "occurrences", Self.columns, key: ["channel_id", "scheduled_for"]))
        forgetTraceText = dialect.marked(
            """
            DELETE FROM traces WHERE id = ?
            AND EXISTS (SELECT 1 FROM occurrences WHERE id = ? AND status = 0)
            """)
    }

    /// Brings a row if it is pending still.
    func isPending(_ record: OccurrenceRecord) -> StoreStatement {
        StoreStatement(isPendingText, [.uuid(record.id)])
    }

    /// Brings a row if somebody else holds the slot that this one is to have.
    func holder(_ record: OccurrenceRecord) -> StoreStatement? {
        guard record.status == .claimed, let slot = record.slot else { return nil }
        return StoreStatement(
            holderText,
            [
                .text(record.key), .integer(Int64(slot)), .uuid(record.id), .text(record.channelID),
                .time(record.scheduledFor), .uuid(record.id),
            ])
    }

    func claim(_ record: OccurrenceRecord) -> StoreStatement {
        StoreStatement(
            claimText,
            [
                .integer(Int64(record.status.rawValue)), .text(record.key),
                .integer(record.slot.map(Int64.init)), .text(record.errorMessage), .text(record.owner),
                .integer(record.epoch), .time(record.completedAt), .uuid(record.id),
            ])
    }

    /// Changes nothing where its instant is taken.
    func insert(_ record: OccurrenceRecord) -> StoreStatement {
        StoreStatement(
            insertText,
            [
                .uuid(record.id), .text(record.channelID), .text(record.channel), .time(record.scheduledFor),
                .bool(record.isManual), .integer(Int64(record.status.rawValue)), .text(record.key),
                .integer(record.slot.map(Int64.init)), .integer(Int64(record.attempt)), .integer(Int64(record.count)),
                .time(record.firstMissed), .text(record.errorMessage), .text(record.owner), .integer(record.epoch),
                .time(record.createdAt), .time(record.startedAt), .time(record.completedAt),
            ])
    }

    /// The trace of an occurrence that is pending goes: another will take its name.
    func forgetTrace(_ id: Identifier) -> StoreStatement { StoreStatement(forgetTraceText, [.uuid(id), .uuid(id)]) }

    static func record(_ row: some StoreRow) -> OccurrenceRecord {
        OccurrenceRecord(
            id: row.uuid(0), channelID: row.text(1), channel: row.text(2), scheduledFor: row.time(3),
            isManual: row.bool(4),
            status: OccurrenceStatus(rawValue: UInt8(truncatingIfNeeded: row.integer(5))) ?? .failed,
            key: row.text(6), slot: row.optionalInteger(7).map { Int($0) }, attempt: Int(row.integer(8)),
            count: Int(row.integer(9)), firstMissed: row.optionalTime(10), errorMessage: row.text(11),
            owner: row.text(12), epoch: row.integer(13), createdAt: row.time(14), startedAt: row.optionalTime(15),
            completedAt: row.optionalTime(16))
    }
}
