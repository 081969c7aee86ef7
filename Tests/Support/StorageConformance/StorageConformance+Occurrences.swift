import Storage
import Vocabulary

extension StorageConformance {
    private static func occurrence(
        _ scheduledFor: Int64, _ status: OccurrenceStatus = .claimed, channel: String = "c", key: String = "",
        slot: Int? = nil
    ) -> OccurrenceRecord {
        OccurrenceRecord(
            id: .make(), channelID: channel, channel: "name of " + channel, scheduledFor: at(scheduledFor),
            status: status, key: key, slot: slot, owner: "me", epoch: 1, createdAt: at(1))
    }

    private static func run(_ record: OccurrenceRecord) -> TraceRecord {
        TraceRecord(
            id: record.id, channelID: record.channelID, channel: record.channel, mode: .cron, status: .pending,
            input: [1], owner: "me", epoch: 1, dueAt: at(1), createdAt: at(1))
    }

    private static func entries(
        _ inserts: [OccurrenceRecord] = [], claims: [OccurrenceRecord] = [], cursors: [String: Timestamp] = [:]
    ) -> LedgerEntries {
        var entries = LedgerEntries()
        entries.inserts = inserts
        entries.claims = claims
        entries.traces = (inserts + claims).filter { $0.status == .claimed }.map(run)
        entries.cursors = cursors
        return entries
    }

    private static func settlement(
        _ record: OccurrenceRecord, _ status: TraceStatus, isDead: Bool = false, epoch: Int64 = 1
    ) -> TraceSettlement {
        TraceSettlement(
            id: record.id, mode: .cron, owner: "me", epoch: epoch, status: status,
            errorMessage: status == .completed ? "" : "no", attempt: 1, isDead: isDead,
            keepsInput: status != .completed, dueAt: at(9), startedAt: at(5),
            completedAt: status == .pending ? nil : at(6))
    }

    static let occurrencePromises: [String: @Sendable (any DurableStore) async throws -> Void] = [
        "an occurrence is read back as it was written, with its run and the cursor": { store in
            var record = occurrence(100, .skippedMisfire, key: "k", slot: 3)
            record.isManual = true
            record.count = 7
            record.firstMissed = at(40)
            record.errorMessage = "e"
            record.attempt = 2
            record.startedAt = at(3)
            record.completedAt = at(4)
            let claimed = occurrence(200)
            let outcome = try await store.record(entries([record, claimed], cursors: ["c": at(200)]), epoch: nil)
            try expect(outcome == .recorded(leftOut: []), "\(outcome)")
            let read = try await store.occurrence(record.id)
            try expect(read == record, "\(String(describing: read)) is \(record)")
            let trace = try await store.trace(claimed.id)
            try expect(trace?.mode == .cron && trace?.status == .pending, "its run is there")
            let cursors = try await store.scheduleCursors()
            try expect(cursors == ["c": at(200)], "\(cursors)")
            let none = try await store.occurrence(.make())
            try expect(none == nil, "one there is not is nil")
        },
        "an instant is in the ledger once, and its second run is left out": { store in
            let first = occurrence(100)
            _ = try await store.record(entries([first]), epoch: nil)
            let again = occurrence(100)
            let other = occurrence(100, channel: "d")
            let outcome = try await store.record(entries([again, other], cursors: ["c": at(100)]), epoch: nil)
            try expect(outcome == .recorded(leftOut: [again.id]), "\(outcome)")
            let absent = try await store.trace(again.id)
            let present = try await store.trace(other.id)
            try expect(absent == nil && present != nil, "only the other's run is there")
            let cursors = try await store.scheduleCursors()
            try expect(cursors["c"] == at(100), "the cursor moves all the same")
        },
        "of two that write the same instant at once, one wins": { store in
            let records = (0..<8).map { _ in occurrence(100) }
            let outcomes = try await withThrowingTaskGroup(of: LedgerOutcome.self) { group in
                for record in records { group.addTask { try await store.record(entries([record]), epoch: nil) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let won = outcomes.count { $0 == .recorded(leftOut: []) }
            let traces = try await store.countTraces(TraceFilter())
            try expect(won == 1 && traces == 1, "\(won) won, \(traces) runs")
        },
        "whoever led before is fenced off": { store in
            let first = try await lead(store, "a")
            let second = try await lead(store, "b", after: "a")
            try expect(second == first + 1, "the epoch grows by one")
            let stale = occurrence(100)
            let refused = try await store.record(entries([stale], cursors: ["c": at(100)]), epoch: first)
            try expect(refused == .fenced, "\(refused)")
            let absent = try await store.occurrence(stale.id)
            let cursors = try await store.scheduleCursors()
            try expect(absent == nil && cursors.isEmpty, "nothing was written")
            let taken = try await store.record(entries([stale]), epoch: second)
            try expect(taken == .recorded(leftOut: []), "the newer one writes")
        },
        "a slot is held once, until its run has ended": { store in
            let holder = occurrence(100, key: "k", slot: 0)
            _ = try await store.record(entries([holder]), epoch: nil)
            let rival = occurrence(200, channel: "d", key: "k", slot: 0)
            let other = occurrence(300, channel: "d")
            let refused = try await store.record(entries([other, rival], cursors: ["d": at(300)]), epoch: nil)
            try expect(refused == .overtaken, "\(refused)")
            let absent = try await store.occurrence(other.id)
            let cursors = try await store.scheduleCursors()
            try expect(absent == nil && cursors.isEmpty, "all or nothing")
            let elsewhere = try await store.record(
                entries([occurrence(200, channel: "e", key: "k", slot: 1), occurrence(1, key: "l", slot: 0)]),
                epoch: nil)
            try expect(elsewhere == .recorded(leftOut: []), "other slots and keys are free")
            _ = try await store.write(inserts: [], settlements: [settlement(holder, .pending)])
            let retrying = try await store.record(entries([rival]), epoch: nil)
            try expect(retrying == .overtaken, "one that waits for its next attempt holds it still")
            let leased = try await lease(store, 9, owner: "me", alive: ["x"], now: at(100))
            try expect(leased.contains { $0.id == holder.id && $0.mode == .cron }, "its mode is known after a rescue")
            _ = try await store.write(inserts: [], settlements: [settlement(holder, .completed, epoch: 2)])
            let free = try await store.record(entries([rival]), epoch: nil)
            try expect(free == .recorded(leftOut: []), "then it is free")
        },
        "only one that is pending is claimed, and once": { store in
            let waiting = occurrence(100, .pending)
            _ = try await store.record(entries([waiting]), epoch: nil)
            var claim = waiting
            claim.status = .claimed
            claim.key = "k"
            claim.slot = 0
            let first = try await store.record(entries(claims: [claim]), epoch: nil)
            let second = try await store.record(entries(claims: [claim]), epoch: nil)
            try expect(first == .recorded(leftOut: []) && second == .overtaken, "\(first), \(second)")
            let read = try await store.occurrence(waiting.id)
            try expect(read == claim, "\(String(describing: read))")
        },
        "the ledger says how a run ended, in the same breath": { store in
            let records = [occurrence(1), occurrence(2), occurrence(3), occurrence(4)]
            _ = try await store.record(entries(records), epoch: nil)
            let refused = try await store.write(
                inserts: [],
                settlements: [
                    settlement(records[0], .completed), settlement(records[1], .failed),
                    settlement(records[2], .pending), settlement(records[3], .completed, epoch: 7),
                ])
            try expect(refused == [records[3].id], "the stale one is refused")
            var statuses: [OccurrenceStatus?] = []
            for record in records { statuses.append(try await store.occurrence(record.id)?.status) }
            try expect(statuses == [.completed, .failed, .claimed, .claimed], "\(statuses)")
            let failed = try await store.occurrence(records[1].id)
            try expect(
                failed?.errorMessage == "no" && failed?.attempt == 1 && failed?.startedAt == at(5)
                    && failed?.completedAt == at(6), "\(String(describing: failed))")
        },
        "a dead letter that is requeued is claimed again, and holds no slot": { store in
            let record = occurrence(1, key: "k", slot: 0)
            _ = try await store.record(entries([record]), epoch: nil)
            _ = try await store.write(inserts: [], settlements: [settlement(record, .failed, isDead: true)])
            _ = try await store.record(entries([occurrence(2, key: "k", slot: 0)]), epoch: nil)
            let moved = try await store.requeue([record.id], filter: TraceFilter(), now: at(7))
            let read = try await store.occurrence(record.id)
            try expect(moved == 1 && read?.status == .claimed && read?.slot == nil, "\(String(describing: read))")
        },
        "one that is moved back to wait loses its old run, and only from where it may": { store in
            let record = occurrence(1)
            _ = try await store.record(entries([record]), epoch: nil)
            let early = try await store.moveOccurrence(record.id, from: [.failed], to: .pending, at: at(9))
            _ = try await store.write(inserts: [], settlements: [settlement(record, .failed)])
            let moved = try await store.moveOccurrence(record.id, from: [.failed], to: .pending, at: at(9))
            let trace = try await store.trace(record.id)
            let read = try await store.occurrence(record.id)
            try expect(!early && moved && trace == nil, "\((early, moved))")
            try expect(
                read?.status == .pending && read?.attempt == 1 && read?.completedAt == nil && read?.errorMessage == "",
                "it waits, with its attempts")
            let cancelled = try await store.moveOccurrence(record.id, from: [.pending], to: .cancelled, at: at(9))
            let ended = try await store.occurrence(record.id)
            try expect(cancelled && ended?.status == .cancelled && ended?.completedAt == at(9), "and can be taken back")
        },
        "open ones come earliest first": { store in
            let records = [
                occurrence(30, .pending), occurrence(10, key: "k", slot: 0), occurrence(20, .pending, channel: "d"),
                occurrence(5), occurrence(6, .completed, key: "k", slot: 1), occurrence(7, .skippedSingleton),
            ]
            _ = try await store.record(entries(records), epoch: nil)
            let open = try await store.openOccurrences()
            try expect(open.map(\.scheduledFor) == [at(10), at(20), at(30)], "\(open.map(\.scheduledFor))")
        },
        "occurrences are listed latest first, filtered, in pages, and counted": { store in
            let records =
                (1...5).map { occurrence($0 * 10, .completed) } + [
                    occurrence(15, .failed, channel: "d"), occurrence(60, .pending),
                ]
            _ = try await store.record(entries(records), epoch: nil)
            let page = try await store.occurrences(OccurrenceFilter(), limit: 2, offset: 1)
            try expect(page.map(\.scheduledFor) == [at(50), at(40)], "\(page.map(\.scheduledFor))")
            var window = OccurrenceFilter(channelID: "c", status: .completed)
            window.since = at(20)
            window.until = at(40)
            let inside = try await store.occurrences(window, limit: 9, offset: 0)
            let counted = try await store.countOccurrences(window)
            let all = try await store.countOccurrences(OccurrenceFilter())
            try expect(inside.map(\.scheduledFor) == [at(40), at(30), at(20)] && counted == 3 && all == 7, "\(inside)")
        },
        "retention takes the oldest occurrences and leaves what runs": { store in
            let records =
                [occurrence(1), occurrence(2, .pending)] + (3...8).map { occurrence($0, .completed) }
            _ = try await store.record(entries(records), epoch: nil)
            let byCount = try await store.deleteOccurrences(keeping: 4, limit: 9, epoch: 0)
            let counted = try await store.occurrences(OccurrenceFilter(), limit: 9, offset: 0)
            try expect(
                byCount == 2 && counted.map(\.scheduledFor) == [8, 7, 6, 5, 2, 1].map { at($0) },
                "\(counted.map(\.scheduledFor))")
            let one = try await store.deleteOccurrences(before: at(7), limit: 1, epoch: 0)
            let rest = try await store.deleteOccurrences(before: at(7), limit: 9, epoch: 0)
            let left = try await store.occurrences(OccurrenceFilter(), limit: 9, offset: 0)
            try expect(one == 1 && rest == 2 && left.map(\.scheduledFor) == [8, 7, 1].map { at($0) }, "\(left)")
        },
    ]
}
