import Storage
import Vocabulary

extension StorageConformance {
    private static func pending(
        owner: String, due: Int64 = 1, channel: String = "c", createdMillisecond: Int64 = 1_000
    ) -> TraceRecord {
        let created = at(createdMillisecond * 1000)
        return TraceRecord(
            id: .make(at: created), channelID: "id-" + channel, channel: channel, mode: .async, status: .pending,
            input: [1, 2, 3], tokenHash: [7], owner: owner, epoch: 1, dueAt: at(due), createdAt: created,
            traceparent: "tp")
    }

    private static func finished(_ millisecond: Int64, _ status: TraceStatus = .completed, channel: String = "c")
        -> TraceRecord
    {
        let created = at(millisecond * 1000)
        return TraceRecord(
            id: .make(at: created), channelID: "id-" + channel, channel: channel, mode: .sync, status: status,
            result: [8], steps: [9], errorMessage: status == .failed ? "no" : "", attempt: 1, dueAt: created,
            createdAt: created, startedAt: created, completedAt: created)
    }

    private static func settlement(
        _ record: TraceRecord, owner: String, epoch: Int64, _ status: TraceStatus = .completed, isDead: Bool = false
    ) -> TraceSettlement {
        TraceSettlement(
            id: record.id, owner: owner, epoch: epoch, status: status, result: [9], steps: [4], errorMessage: "e",
            attempt: 1, isDead: isDead, keepsInput: status != .completed, dueAt: record.dueAt, startedAt: at(2),
            completedAt: status == .pending ? nil : record.dueAt)
    }

    static let tracePromises: [String: @Sendable (any DurableStore) async throws -> Void] = [
        "a trace is read back as it was written": { store in
            let records = [pending(owner: "a"), finished(2000, .failed)]
            _ = try await store.write(inserts: records, settlements: [])
            for record in records {
                let read = try await store.trace(record.id)
                try expect(read == record, "\(String(describing: read)) is \(record)")
            }
            let none = try await store.trace(.make())
            try expect(none == nil, "a trace there is not is nil")
        },
        "a settlement with a stale owner or epoch is refused, and changes nothing": { store in
            let record = pending(owner: "a")
            _ = try await store.write(inserts: [record], settlements: [])
            let leased = try await lease(store, 10, owner: "b", alive: ["b"], now: at(5))
            try expect(leased.map(\.id) == [record.id], "it is leased")
            try expect(leased.first?.epoch == 2 && leased.first?.input == [1, 2, 3], "with a new epoch and its input")
            let stale = [
                settlement(record, owner: "a", epoch: 1), settlement(record, owner: "b", epoch: 1),
                settlement(record, owner: "a", epoch: 2),
            ]
            let refused = try await store.write(inserts: [], settlements: stale)
            try expect(refused == [record.id, record.id, record.id], "all three are refused")
            let untouched = try await store.trace(record.id)
            try expect(untouched?.status == .pending && untouched?.result == [], "nothing has changed")
            let taken = try await store.write(inserts: [], settlements: [settlement(record, owner: "b", epoch: 2)])
            let done = try await store.trace(record.id)
            try expect(taken.isEmpty && done?.status == .completed, "the holder's is taken")
            try expect(done?.input == [] && done?.result == [9] && done?.steps == [4], "with its result, without input")
            let again = try await store.write(inserts: [], settlements: [settlement(record, owner: "b", epoch: 2)])
            try expect(again == [record.id], "once only")
        },
        "an insert and its settlement may come together": { store in
            let record = pending(owner: "a")
            let refused = try await store.write(
                inserts: [record], settlements: [settlement(record, owner: "a", epoch: 1)])
            let done = try await store.trace(record.id)
            try expect(refused.isEmpty && done?.status == .completed, "both are taken")
        },
        "a write is taken whole or not at all": { store in
            let record = pending(owner: "a")
            _ = try await store.write(inserts: [record], settlements: [])
            let other = pending(owner: "a")
            do {
                _ = try await store.write(inserts: [other, record], settlements: [])
                throw Broken(description: "the same trace was inserted twice")
            } catch is StorageFailure {}
            let absent = try await store.trace(other.id)
            try expect(absent == nil, "the other one is not there either")
        },
        "what somebody alive holds is not leased, and nothing is leased twice": { store in
            let records =
                (0..<50).map { _ in pending(owner: "dead") } + [pending(owner: "a"), pending(owner: "", due: 99)]
            _ = try await store.write(inserts: records, settlements: [])
            async let first = lease(store, 40, owner: "a", alive: ["a", "b"], now: at(5))
            async let second = lease(store, 40, owner: "b", alive: ["a", "b"], now: at(5))
            let (one, other) = try await (first, second)
            try expect(one.count + other.count == 50, "fifty are leased: \(one.count) and \(other.count)")
            try expect(Set(one.map(\.id)).isDisjoint(with: other.map(\.id)), "each once")
        },
        "the oldest due is leased first, up to the limit": { store in
            let records = [5, 3, 9, 1].map { pending(owner: "", due: $0) }
            _ = try await store.write(inserts: records, settlements: [])
            let leased = try await lease(store, 2, owner: "a", alive: ["a"], now: at(100))
            try expect(leased.map(\.dueAt) == [at(1), at(3)], "1 and 3: \(leased.map(\.dueAt))")
        },
        "a run that was running when its holder died has one attempt more": { store in
            var record = pending(owner: "dead")
            record.status = .running
            _ = try await store.write(inserts: [record, pending(owner: "dead")], settlements: [])
            let leased = try await lease(store, 9, owner: "a", alive: ["a"], now: at(100))
            try expect(leased.first { $0.id == record.id }?.attempt == 1, "the running one has 1")
            try expect(leased.first { $0.id != record.id }?.attempt == 0, "the waiting one has 0")
        },
        "a retry waits without an owner until it is due": { store in
            let record = pending(owner: "a")
            var retry = settlement(record, owner: "a", epoch: 1, .pending)
            retry.dueAt = at(1000)
            _ = try await store.write(inserts: [record], settlements: [retry])
            let early = try await lease(store, 9, owner: "a", alive: ["a"], now: at(999))
            let due = try await lease(store, 9, owner: "a", alive: ["a"], now: at(1000))
            try expect(early.isEmpty && due.count == 1, "not before its time")
            try expect(due.first?.input == [1, 2, 3] && due.first?.attempt == 1, "with its input and its attempts")
        },
        "the backlog counts what is open, and its bytes": { store in
            let records = (0..<3).map { _ in pending(owner: "a") }
            _ = try await store.write(
                inserts: records + [finished(1)], settlements: [settlement(records[0], owner: "a", epoch: 1)])
            let backlog = try await store.backlog()
            try expect(backlog.count == 2 && backlog.bytes == 6, "two of three bytes: \(backlog)")
        },
        "lists come newest first or oldest first, in pages, without the heavy parts": { store in
            let records = (1...5).map { finished(Int64($0) * 1000) }
            _ = try await store.write(inserts: records, settlements: [])
            let newest = try await store.traces(TraceFilter(), before: nil, limit: 2, offset: 1, ascending: false)
            let oldest = try await store.traces(TraceFilter(), before: nil, limit: 2, offset: 0, ascending: true)
            let after = try await store.traces(
                TraceFilter(), before: records[2].id, limit: 9, offset: 0, ascending: false)
            try expect(newest.map(\.id) == [records[3].id, records[2].id], "the second page of one")
            try expect(oldest.map(\.id) == [records[0].id, records[1].id], "the oldest first")
            try expect(after.map(\.id) == [records[1].id, records[0].id], "only those before the cursor")
            try expect(newest.allSatisfy { $0.result.isEmpty && $0.steps.isEmpty }, "light")
        },
        "filters are met together, and counted": { store in
            let waiting = pending(owner: "a", channel: "other")
            _ = try await store.write(
                inserts: [finished(1, .failed), finished(2, channel: "other"), finished(3), waiting], settlements: [])
            func count(_ change: (inout TraceFilter) -> Void) async throws -> Int {
                var filter = TraceFilter()
                change(&filter)
                let listed = try await store.traces(filter, before: nil, limit: 99, offset: 0, ascending: false)
                let counted = try await store.countTraces(filter)
                try expect(listed.count == counted, "the list and the count agree: \(listed.count), \(counted)")
                return counted
            }
            let all = try await count { _ in }
            let failed = try await count { $0.status = .failed }
            let other = try await count { $0.channel = "other" }
            let otherAsync = try await count {
                $0.channel = "other"
                $0.mode = .async
            }
            try expect((all, failed, other, otherAsync) == (4, 1, 2, 1), "\((all, failed, other, otherAsync))")
        },
        "dead letters are requeued by name or by filter, and only they": { store in
            let records = ["x", "x", "y"].map { pending(owner: "a", channel: $0) }
            let alive = pending(owner: "a", channel: "x")
            let dead = records.map { settlement($0, owner: "a", epoch: 1, .failed, isDead: true) }
            _ = try await store.write(inserts: records + [alive], settlements: dead)
            let named = try await store.requeue([records[0].id, alive.id], filter: TraceFilter(), now: at(7))
            var filter = TraceFilter()
            filter.channel = "y"
            let filtered = try await store.requeue(nil, filter: filter, now: at(7))
            let requeued = try await store.trace(records[0].id)
            try expect((named, filtered) == (1, 1), "one each: \((named, filtered))")
            try expect(requeued?.status == .pending && requeued?.attempt == 0, "it starts anew")
            try expect(
                requeued?.owner == "" && requeued?.isDead == false && requeued?.input == [1, 2, 3], "for anybody")
            let leased = try await lease(store, 9, owner: "b", alive: ["a", "b"], now: at(7))
            try expect(Set(leased.map(\.id)) == [records[0].id, records[2].id], "both are leased")
        },
        "retention and purges leave open runs alone, and retention leaves dead letters alone": { store in
            let dead = pending(owner: "a")
            let open = pending(owner: "a")
            let old = (1...4).map { finished(Int64($0)) }
            _ = try await store.write(
                inserts: old + [dead, open],
                settlements: [settlement(dead, owner: "a", epoch: 1, .failed, isDead: true)])
            let byAge = try await store.deleteTraces(before: at(3000), limit: 1, epoch: 0)
            let byAgeAgain = try await store.deleteTraces(before: at(3000), limit: 9, epoch: 0)
            let byCount = try await store.deleteTraces(keeping: 3, limit: 9, epoch: 0)
            let left = try await store.traces(TraceFilter(), before: nil, limit: 9, offset: 0, ascending: false)
            try expect((byAge, byAgeAgain, byCount) == (1, 1, 1), "one each: \((byAge, byAgeAgain, byCount))")
            try expect(Set(left.map(\.id)) == [dead.id, open.id, old[3].id], "the right ones are left")
            let purged = try await store.purgeDead(before: at(1_000_000))
            let after = try await store.countTraces(TraceFilter())
            try expect(purged == 1 && after == 2, "the dead one went")
        },
        "it answers a ping": { store in try await store.ping() },
    ]
}
