import Storage
import Vocabulary

/// The statements about traces whose text never changes.
struct TraceTexts: Sendable {
    static let columns = [
        "id", "channel_id", "channel", "mode", "status", "input", "result", "steps", "error", "token_hash", "attempt",
        "is_dead", "owner", "epoch", "due_at", "created_at", "started_at", "completed_at", "traceparent",
    ]
    static let list = columns.joined(separator: ", ")

    private let insertText: String
    private let settleText: String
    private let settleOccurrenceText: String
    private let takeText: String
    private let deleteText: String
    let trace: String
    let backlog: String
    let purge: String
    let edge: String
    /// What is too old, and what is too much.
    let deleteAged: String
    let deleteBelow: String
    /// As ``list``, with nothing in the place of the large ones.
    let smallList: String

    init(_ dialect: any Dialect) {
        insertText = dialect.marked(dialect.insert(into: "traces", Self.columns))
        settleText = dialect.marked(
            """
            UPDATE traces SET status = ?, result = ?, steps = ?, error = ?, attempt = ?, is_dead = ?,
            input = CASE WHEN ? THEN input ELSE \(dialect.emptyBytes) END, due_at = ?, started_at = ?,
            completed_at = ?, owner = ? WHERE id = ? AND owner = ? AND epoch = ? AND status < 2
            """)
        settleOccurrenceText = dialect.marked(
            """
            UPDATE occurrences SET status = ?, error = ?, attempt = ?, started_at = ?, completed_at = ? WHERE id = ?
            AND EXISTS (SELECT 1 FROM traces WHERE id = ? AND owner = ? AND epoch = ? AND status = ? AND attempt = ?
            AND due_at = ?)
            """)
        // The attempt first: some databases see the columns that were set before in the same statement.
        takeText = dialect.marked(
            """
            UPDATE traces SET attempt = attempt + CASE WHEN status = 1 THEN 1 ELSE 0 END, owner = ?, epoch = epoch + 1,
            status = 0 WHERE id = ?
            """)
        deleteText = dialect.marked("DELETE FROM traces WHERE id = ?")
        trace = dialect.marked("SELECT \(Self.list) FROM traces WHERE id = ?")
        let bytes = dialect.wholeNumber("coalesce(sum(length(input)), 0)")
        backlog = "SELECT count(*), \(bytes) FROM traces WHERE \(dialect.isOpen)"
        purge = dialect.marked("DELETE FROM traces WHERE \(dialect.isTrue("is_dead")) AND completed_at < ?")
        edge = dialect.marked("SELECT id FROM traces ORDER BY id DESC LIMIT 1 OFFSET ?")
        let finished = "id < ? AND status >= 2 AND \(dialect.isFalse("is_dead")) AND \(ClusterTexts.leads)"
        deleteAged = dialect.marked(dialect.deleteFirst(from: dialect.agingTraces, where: finished, by: "id"))
        deleteBelow = dialect.marked(dialect.deleteFirst(from: "traces", where: finished, by: "id"))
        let large: Set = ["input", "result", "steps"]
        smallList = Self.columns.map { large.contains($0) ? dialect.emptyBytes : $0 }.joined(separator: ", ")
    }

    func insert(_ record: TraceRecord) -> StoreStatement {
        StoreStatement(
            insertText,
            [
                .uuid(record.id), .text(record.channelID), .text(record.channel),
                .integer(Int64(record.mode.rawValue)), .integer(Int64(record.status.rawValue)), .bytes(record.input),
                .bytes(record.result), .bytes(record.steps), .text(record.errorMessage), .bytes(record.tokenHash),
                .integer(Int64(record.attempt)), .bool(record.isDead), .text(record.owner), .integer(record.epoch),
                .time(record.dueAt), .time(record.createdAt), .time(record.startedAt), .time(record.completedAt),
                .text(record.traceparent),
            ])
    }

    /// A row that goes back to wait has no owner any more.
    private static func newOwner(_ settlement: TraceSettlement) -> String {
        settlement.status == .pending ? "" : settlement.owner
    }

    func settle(_ settlement: TraceSettlement) -> StoreStatement {
        StoreStatement(
            settleText,
            [
                .integer(Int64(settlement.status.rawValue)), .bytes(settlement.result), .bytes(settlement.steps),
                .text(settlement.errorMessage), .integer(Int64(settlement.attempt)), .bool(settlement.isDead),
                .bool(settlement.keepsInput), .time(settlement.dueAt), .time(settlement.startedAt),
                .time(settlement.completedAt), .text(Self.newOwner(settlement)), .uuid(settlement.id),
                .text(settlement.owner), .integer(settlement.epoch),
            ])
    }

    /// The run of an occurrence ended, or waits for its next attempt. Changes nothing where the settlement of its trace,
    /// just before in the same transaction, was refused: the trace then does not look as that would have left it.
    func settleOccurrence(_ settlement: TraceSettlement) -> StoreStatement {
        let status: OccurrenceStatus =
            switch settlement.status {
            case .completed: .completed
            case .failed: .failed
            case .pending, .running: .claimed
            }
        return StoreStatement(
            settleOccurrenceText,
            [
                .integer(Int64(status.rawValue)), .text(settlement.errorMessage), .integer(Int64(settlement.attempt)),
                .time(settlement.startedAt), .time(settlement.completedAt), .uuid(settlement.id),
                .uuid(settlement.id), .text(Self.newOwner(settlement)), .integer(settlement.epoch),
                .integer(Int64(settlement.status.rawValue)), .integer(Int64(settlement.attempt)),
                .time(settlement.dueAt),
            ])
    }

    /// Changes its owner, raises its epoch, and its attempt if it ran.
    func take(_ id: Identifier, owner: String) -> StoreStatement {
        StoreStatement(takeText, [.text(owner), .uuid(id)])
    }

    func delete(_ id: Identifier) -> StoreStatement { StoreStatement(deleteText, [.uuid(id)]) }

    static func record(_ row: some StoreRow) -> TraceRecord {
        TraceRecord(
            id: row.uuid(0), channelID: row.text(1), channel: row.text(2),
            mode: TraceMode(rawValue: UInt8(truncatingIfNeeded: row.integer(3))) ?? .sync,
            status: TraceStatus(rawValue: UInt8(truncatingIfNeeded: row.integer(4))) ?? .failed, input: row.bytes(5),
            result: row.bytes(6), steps: row.bytes(7), errorMessage: row.text(8), tokenHash: row.bytes(9),
            attempt: Int(row.integer(10)), isDead: row.bool(11), owner: row.text(12), epoch: row.integer(13),
            dueAt: row.time(14), createdAt: row.time(15), startedAt: row.optionalTime(16),
            completedAt: row.optionalTime(17), traceparent: row.text(18))
    }
}
