import Storage
import Vocabulary

extension StorageConformance {
    private static let long: Duration = .seconds(60)
    private static let short: Duration = .milliseconds(300)

    static func instance(_ id: String) -> InstanceRecord { InstanceRecord(id: id, version: "1.2", address: "") }

    /// Leases while these are alive.
    static func lease(
        _ store: any DurableStore, _ limit: Int, owner: String, alive: [String] = [], now: Timestamp,
        unserved: [String] = []
    ) async throws -> [TraceRecord] {
        for id in alive { _ = try await store.beat(instance(id), ttl: long, candidacy: .none) }
        return try await store.lease(limit: limit, owner: owner, patience: long, now: now, unserved: unserved)
    }

    /// Makes an instance the leader, after another has let go.
    /// - Returns: its epoch.
    static func lead(_ store: any DurableStore, _ id: String, after other: String? = nil) async throws -> Int64 {
        if let other { _ = try await store.beat(instance(other), ttl: long, candidacy: .none) }
        let view = try await store.beat(instance(id), ttl: long, candidacy: .vacant)
        try expect(view.leader == id, "it leads")
        return view.epoch
    }

    /// Asks again until it holds; the times in these promises are short.
    private static func eventually(_ sentence: String, _ holds: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while try await !holds() {
            try expect(ContinuousClock.now < deadline, sentence)
            await Task.yield()
        }
    }

    private static func refuses(_ write: () async throws -> Int) async throws {
        do { _ = try await write() } catch StorageFailure.conflict { return }
        throw Broken(description: "it was taken from one that leads no more")
    }

    private static func waiting(_ owner: String, channel: String = "c") -> TraceRecord {
        TraceRecord(
            id: .make(), channelID: channel, channel: channel, mode: .async, status: .pending, input: [1], owner: owner,
            epoch: 1, dueAt: at(1), createdAt: at(1))
    }

    static let clusterPromises: [String: @Sendable (any DurableStore) async throws -> Void] = [
        "an instance is seen as it describes itself, by the store's clock": { store in
            var record = instance("a")
            record.address = "http://10.0.0.1:8080"
            record.generation = 3
            record.adminKeys = 4
            record.reloads = 5
            record.include = ["orders.*", "payments"]
            record.exclude = ["orders.old"]
            record.runsSchedules = false
            record.connections = 6
            record.queued = 7
            record.workers = 8
            record.activeWorkers = 9
            let first = try await store.beat(record, ttl: long, candidacy: .none)
            record.queued = 1
            let second = try await store.beat(record, ttl: long, candidacy: .none)
            let seen = try await store.clusterView(ttl: long)
            let member = seen.members.first
            try expect(seen.members.count == 1 && member?.record == record, "\(seen.members)")
            try expect(
                member?.isAlive == true && member?.startedAt == first.members.first?.startedAt, "it is the same one")
            try expect(first.now <= second.now && second.now <= seen.now, "time goes on")
            try expect(member.map { $0.startedAt <= $0.lastBeat && $0.lastBeat <= seen.now } == true, "\(seen)")
            try expect(seen.leader == nil, "nobody wanted to lead")
        },
        "who has not beaten for the time to live is dead, and is remembered": { store in
            _ = try await store.beat(instance("a"), ttl: short, candidacy: .none)
            _ = try await store.beat(instance("b"), ttl: short, candidacy: .none)
            try await eventually("a dies") {
                let view = try await store.beat(instance("b"), ttl: short, candidacy: .none)
                guard view.members.count == 2, let a = view.members.first else { throw Broken(description: "\(view)") }
                // Each statement of the view may have a time of its own.
                let age = view.now - a.lastBeat
                let isClose = age > short - .milliseconds(50) && age < short + .milliseconds(50)
                try expect(isClose || a.isAlive == (age < short), "judged by its age: \(view)")
                return !a.isAlive && view.alive.map(\.record.id) == ["b"]
            }
            let view = try await store.beat(instance("a"), ttl: long, candidacy: .none)
            try expect(view.alive.count == 2, "one that comes back lives")
            try await store.depart("a")
            let after = try await store.clusterView(ttl: long)
            try expect(after.members.map(\.record.id) == ["b"], "who departs is no member")
        },
        "one leads, until it lets go or its time is over; each leader has a new epoch": { store in
            let first = try await store.beat(instance("a"), ttl: long, candidacy: .vacant)
            try expect(first.leader == "a", "what nobody holds is taken")
            let rival = try await store.beat(instance("b"), ttl: long, candidacy: .open)
            try expect(rival.leader == "a" && rival.epoch == first.epoch, "it is held")
            let renewed = try await store.beat(instance("a"), ttl: long, candidacy: .vacant)
            try expect(renewed.leader == "a" && renewed.epoch == first.epoch, "it is kept under the same epoch")
            let freed = try await store.beat(instance("a"), ttl: long, candidacy: .none)
            try expect(freed.leader == nil, "let go")
            let next = try await store.beat(instance("b"), ttl: short, candidacy: .vacant)
            try expect(next.leader == "b" && next.epoch == first.epoch + 1, "taken at once, under the next epoch")
            try await eventually("the time of b is over") {
                let view = try await store.beat(instance("a"), ttl: long, candidacy: .vacant)
                try expect(view.leader != "a", "what has a holder is not vacant")
                return view.leader == nil
            }
            let taken = try await store.beat(instance("a"), ttl: long, candidacy: .open)
            try expect(taken.leader == "a" && taken.epoch == first.epoch + 2, "\(taken)")
            let late = try await store.beat(instance("b"), ttl: long, candidacy: .vacant)
            try expect(late.leader == "a", "the old one hears of it")
            try await store.depart("a")
            let last = try await store.beat(instance("b"), ttl: long, candidacy: .vacant)
            try expect(last.leader == "b" && last.epoch == first.epoch + 3, "who departs lets go")
        },
        "of many that want to lead at once, one does": { store in
            let views = try await withThrowingTaskGroup(of: ClusterView.self) { group in
                for place in 0..<8 {
                    group.addTask {
                        try await store.beat(instance("i\(place)"), ttl: long, candidacy: .open)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let final = try await store.clusterView(ttl: long)
            try expect(final.members.count == 8 && final.leader != nil, "\(final)")
            try expect(views.allSatisfy { $0.leader == nil || $0.leader == final.leader }, "one")
            try expect(views.allSatisfy { $0.epoch <= final.epoch } && final.epoch == 1, "\(final.epoch)")
        },
        "what only a leader may delete, one that led before does not": { store in
            let old = try await lead(store, "a")
            var done = waiting("a")
            done.status = .completed
            _ = try await store.write(inserts: [done], settlements: [])
            let now = try await lead(store, "b", after: "a")
            let end = Timestamp(microseconds: .max / 2)
            try await refuses { try await store.deleteTraces(before: end, limit: 9, epoch: old) }
            try await refuses { try await store.deleteTraces(keeping: 0, limit: 9, epoch: old) }
            try await refuses { try await store.deleteAudit(before: end, epoch: old) }
            try await refuses { try await store.deleteOccurrences(before: end, limit: 9, epoch: old) }
            let there = try await store.trace(done.id)
            try expect(there != nil, "nothing went")
            // By number: of age a store with partitions drops whole ones only.
            let gone = try await store.deleteTraces(keeping: 0, limit: 9, epoch: now)
            try expect(gone == 1, "the leader's is taken")
        },
        "traces of the dead are leased, those of the living are not, nor those of channels served elsewhere": { store in
            let records = [waiting("a"), waiting("dead"), waiting(""), waiting("", channel: "other"), waiting("b")]
            _ = try await store.write(inserts: records, settlements: [])
            _ = try await store.beat(instance("a"), ttl: long, candidacy: .none)
            let cautious = try await store.lease(limit: 9, owner: "b", patience: nil, now: at(5), unserved: ["other"])
            try expect(cautious.map(\.id) == [records[2].id], "without judging anybody, what has no owner")
            let leased = try await store.lease(
                limit: 9, owner: "b", patience: long, now: at(5), unserved: ["other", "o'x"])
            try expect(leased.map(\.id) == [records[1].id], "of the dead alone, not its own: \(leased)")
            try expect(leased.first?.owner == "b" && leased.first?.epoch == 2, "under a new epoch")
            let rest = try await store.lease(limit: 9, owner: "b", patience: long, now: at(5), unserved: [])
            try expect(rest.map(\.id) == [records[3].id], "the other channel's by whoever serves it")
        },
        "what is given back is free at once, but for what still runs": { store in
            let records = [waiting("a"), waiting("a"), waiting("b")]
            _ = try await store.write(inserts: records, settlements: [])
            for id in ["a", "b"] { _ = try await store.beat(instance(id), ttl: long, candidacy: .none) }
            let count = try await store.giveBack(owner: "a", keeping: [records[1].id])
            try expect(count == 1, "\(count)")
            let leased = try await store.lease(limit: 9, owner: "b", patience: nil, now: at(5), unserved: [])
            try expect(leased.map(\.id) == [records[0].id], "one is free")
            try await store.depart("a")
            let rest = try await store.lease(limit: 9, owner: "b", patience: nil, now: at(5), unserved: [])
            try expect(rest.map(\.id) == [records[1].id], "the other when it departs")
        },
        "what is announced is wanted of all": { store in
            func wanted() async throws -> ClusterView.Wanted {
                let view = try await store.clusterView(ttl: long)
                return view.wanted
            }
            let draft = DefinitionRecord(
                kind: .channel, id: "c", version: 1, status: .draft, body: [1], contentHash: "h", createdAt: at(1),
                updatedAt: at(1))
            let before = try await wanted()
            let quiet = try await store.commit(DefinitionChange(puts: [draft]), expecting: 0)
            let still = try await wanted()
            try expect(
                still.generation == before.generation && still.announcedAt == before.announcedAt,
                "a change that is not announced is not wanted: \(still)")
            var change = DefinitionChange(puts: [draft])
            change.isAnnounced = true
            let loud = try await store.commit(change, expecting: quiet)
            let after = try await wanted()
            try expect(after.generation == loud && after.announcedAt > before.announcedAt, "\(after)")
            let key = AdminKeyRecord(id: "k", name: "n", scope: .full, prefix: "p", hash: [1], createdAt: at(1))
            let keys = try await store.commit(AdminKeyChange(put: key), expecting: 0)
            let order = try await store.orderReload()
            let last = try await wanted()
            try expect(last.adminKeys == keys && last.reloads == order && last.generation == loud, "\(last)")
            let next = try await store.orderReload()
            try expect(next == order + 1, "each order is a new one")
        },
    ]
}
