import Storage
import Vocabulary

/// A statement with what it is for.
package struct NamedStatement: Sendable {
    package var name: String
    package var statement: StoreStatement
}

extension SQLStore {
    /// Every statement that a request, its run, the queue or a schedule waits for, with values as they occur: what a test
    /// has explained on each database, so that none reads a whole table.
    ///
    /// Left out are those that read all there is on purpose, at a start or a reload: definitions, keys, cursors.
    package var requestPath: [NamedStatement] {
        let now = Timestamp(microseconds: 1_790_000_000_000_000)
        let id = Identifier(at: now, random: (1, 2))
        let record = TraceRecord(
            id: id, channelID: "channel", channel: "channel", mode: .cron, status: .pending, owner: "owner", epoch: 1,
            dueAt: now, createdAt: now)
        let settlement = TraceSettlement(
            id: id, mode: .cron, owner: "owner", epoch: 1, status: .completed, attempt: 0, dueAt: now, startedAt: now,
            completedAt: now)
        let occurrence = OccurrenceRecord(
            id: id, channelID: "channel", channel: "channel", scheduledFor: now, status: .claimed, key: "key", slot: 0,
            createdAt: now)
        let audit = AuditRecord(
            id: id, principal: "p", action: "a", resourceType: "t", resourceID: "r", details: [], createdAt: now)
        var filter = TraceFilter()
        filter.isDead = true
        return [
            ("accept a trace", traces.insert(record)), ("settle a trace", traces.settle(settlement)),
            ("settle an occurrence", traces.settleOccurrence(settlement)),
            ("read a trace", StoreStatement(traces.trace, [.uuid(id)])),
            (
                "find what is due",
                leasing(limit: 100, owner: "owner", patience: .seconds(5), now: now, unserved: ["other"])
            ),
            ("find what nobody has", leasing(limit: 100, owner: "owner", patience: nil, now: now, unserved: [])),
            ("take a trace", traces.take(id, owner: "owner")), ("replace a trace", traces.delete(id)),
            ("count the backlog", StoreStatement(traces.backlog)),
            ("list traces", listing(TraceFilter(), before: id, limit: 50, offset: 0, ascending: false)),
            ("list dead letters", listing(filter, before: nil, limit: 50, offset: 0, ascending: false)),
            ("look at the epoch", StoreStatement(ClusterTexts.epoch + dialect.lockingRows)),
            ("is it pending", occurrences.isPending(occurrence)),
            ("claim an occurrence", occurrences.claim(occurrence)),
            ("add an occurrence", occurrences.insert(occurrence)),
            ("read an occurrence", StoreStatement(occurrences.occurrence, [.uuid(id)])),
            ("held slots", StoreStatement(occurrences.held)),
            ("pending occurrences", StoreStatement(occurrences.pending)),
            ("forget a trace", occurrences.forgetTrace(id)),
            ("move a cursor", StoreStatement(occurrences.cursor, [.text("channel"), .time(now)])),
            ("raise a generation", StoreStatement(records.raise, [.text("generation"), .integer(1)])),
            ("note a key's use", records.useKey("key", at: now)), ("write the audit log", records.insert(audit)),
        ].map { NamedStatement(name: $0.0, statement: $0.1) }
            + (occurrences.holder(occurrence).map { [NamedStatement(name: "who holds a slot", statement: $0)] } ?? [])
    }
}
