import Synchronization
package import Vocabulary

/// The storage port without a disk: the reference for what every backend promises, and `storage.url = "memory:"` for
/// trying things out. Nothing survives the process.
package final class InMemoryStore: DurableStore {
    struct State {
        var definitions = DefinitionSnapshot(generation: 0, records: [])
        var adminKeys = AdminKeySnapshot(generation: 0, records: [])
        var audit: [AuditRecord] = []
        var traces: [Identifier: TraceRecord] = [:]
        var ledger = Ledger()
        var cluster = ClusterBook()
        var wanted = ClusterView.Wanted()
    }

    let state = Mutex(State())
    let clock: WallClock

    /// - Parameter clock: the database's clock.
    package init(clock: WallClock = .system) { self.clock = clock }

    package func ping() async throws(StorageFailure) {}
    package func close() async {}

    package func backUp(to file: String) async throws(StorageFailure) {
        throw .broken("A database in memory cannot be backed up.")
    }
}

extension InMemoryStore {
    package func loadDefinitions() async throws(StorageFailure) -> DefinitionSnapshot {
        state.withLock { $0.definitions }
    }

    package func commit(
        _ change: DefinitionChange, expecting generation: Int64
    ) async throws(StorageFailure) -> Int64 {
        let raised: Int64? = state.withLock { state in
            guard state.definitions.generation == generation else { return nil }
            state.definitions.records.removeAll { record in
                change.removals.contains { $0.kind == record.kind && $0.id == record.id }
                    || change.puts.contains { Self.key($0) == Self.key(record) }
            }
            state.definitions.records += change.puts
            state.definitions.records.sort { Self.key($0) < Self.key($1) }
            state.definitions.generation += 1
            if change.isAnnounced {
                state.wanted.generation = state.definitions.generation
                state.wanted.announcedAt = clock.now()
            }
            state.audit += change.audit
            return state.definitions.generation
        }
        guard let raised else { throw .conflict }
        return raised
    }

    private static func key(_ record: DefinitionRecord) -> (String, String, Int) {
        (record.kind.rawValue, record.id, record.version)
    }
}

extension InMemoryStore {
    package func appendAudit(_ records: [AuditRecord]) async throws(StorageFailure) {
        state.withLock { $0.audit += records }
    }

    package func auditLog(
        _ filter: AuditFilter, limit: Int, offset: Int
    ) async throws(StorageFailure) -> (records: [AuditRecord], total: Int) {
        let matching = state.withLock { $0.audit }.filter { Self.matches($0, filter) }.sorted { $0.id > $1.id }
        return (Array(matching.dropFirst(offset).prefix(limit)), matching.count)
    }

    private static func matches(_ record: AuditRecord, _ filter: AuditFilter) -> Bool {
        func fits(_ wanted: String?, _ value: String) -> Bool { wanted.map { $0 == value } ?? true }
        return fits(filter.action, record.action) && fits(filter.resourceType, record.resourceType)
            && fits(filter.resourceID, record.resourceID) && fits(filter.principal, record.principal)
            && filter.from.map { record.createdAt >= $0 } ?? true && filter.until.map { record.createdAt <= $0 } ?? true
    }

    package func deleteAudit(before: Timestamp, epoch: Int64) async throws(StorageFailure) -> Int {
        try state.withLock { state throws(StorageFailure) in
            try state.cluster.fence(epoch)
            let old = state.audit.count
            state.audit.removeAll { $0.createdAt < before }
            return old - state.audit.count
        }
    }
}

extension InMemoryStore {
    package func write(
        inserts: [TraceRecord], settlements: [TraceSettlement]
    ) async throws(StorageFailure) -> [Identifier] {
        let outcome: Result<[Identifier], StorageFailure> = state.withLock { state in
            if inserts.contains(where: { state.traces[$0.id] != nil }) {
                return .failure(.broken("There is a trace of that name already."))
            }
            for record in inserts { state.traces[record.id] = record }
            var refused: [Identifier] = []
            for settlement in settlements {
                if !Self.apply(settlement, to: &state.traces) {
                    refused.append(settlement.id)
                } else if settlement.mode == .cron {
                    state.ledger.settle(settlement)
                }
            }
            return .success(refused)
        }
        return try outcome.get()
    }

    private static func apply(_ settlement: TraceSettlement, to traces: inout [Identifier: TraceRecord]) -> Bool {
        guard var record = traces[settlement.id], record.owner == settlement.owner, record.epoch == settlement.epoch,
            record.status == .pending || record.status == .running
        else { return false }
        record.status = settlement.status
        record.result = settlement.result
        record.steps = settlement.steps
        record.errorMessage = settlement.errorMessage
        record.attempt = settlement.attempt
        record.isDead = settlement.isDead
        if !settlement.keepsInput { record.input = [] }
        record.dueAt = settlement.dueAt
        record.startedAt = settlement.startedAt
        record.completedAt = settlement.completedAt
        if settlement.status == .pending { record.owner = "" }
        traces[settlement.id] = record
        return true
    }

    package func lease(
        limit: Int, owner: String, patience: Duration?, now: Timestamp, unserved: [String]
    ) async throws(StorageFailure) -> [TraceRecord] {
        let clockTime = clock.now()
        return state.withLock { state in
            func isFree(_ holder: String) -> Bool {
                guard !holder.isEmpty, holder != owner else { return holder.isEmpty }
                return patience.map { !state.cluster.isAlive(holder, ttl: $0, at: clockTime) } ?? false
            }
            let free = state.traces.values.filter {
                ($0.status == .pending || $0.status == .running) && $0.dueAt <= now && isFree($0.owner)
                    && !unserved.contains($0.channel)
            }
            return free.sorted { ($0.dueAt, $0.id) < ($1.dueAt, $1.id) }.prefix(limit).map { record in
                var leased = record
                if leased.status == .running { leased.attempt += 1 }
                leased.status = .pending
                leased.owner = owner
                leased.epoch += 1
                state.traces[leased.id] = leased
                return leased
            }
        }
    }

    package func backlog() async throws(StorageFailure) -> (count: Int, bytes: Int) {
        state.withLock { state in
            let open = state.traces.values.filter { $0.status == .pending || $0.status == .running }
            return (open.count, open.reduce(0) { $0 + $1.input.count })
        }
    }

    package func trace(_ id: Identifier) async throws(StorageFailure) -> TraceRecord? {
        state.withLock { $0.traces[id] }
    }

    package func traces(
        _ filter: TraceFilter, before: Identifier?, limit: Int, offset: Int, ascending: Bool
    ) async throws(StorageFailure) -> [TraceRecord] {
        let found = matching(filter).filter { record in before.map { record.id < $0 } ?? true }
        let ordered = found.sorted { ascending ? $0.id < $1.id : $0.id > $1.id }
        return ordered.dropFirst(offset).prefix(limit).map { record in
            var row = record
            row.input = []
            row.result = []
            row.steps = []
            return row
        }
    }

    private func matching(_ filter: TraceFilter) -> [TraceRecord] {
        state.withLock { Array($0.traces.values) }.filter { Self.matches($0, filter) }
    }

    private static func matches(_ record: TraceRecord, _ filter: TraceFilter) -> Bool {
        filter.status.map { $0 == record.status } ?? true && filter.channel.map { $0 == record.channel } ?? true
            && filter.mode.map { $0 == record.mode } ?? true && filter.isDead.map { $0 == record.isDead } ?? true
            && filter.completedBefore.map { limit in record.completedAt.map { $0 < limit } ?? false } ?? true
    }

    package func countTraces(_ filter: TraceFilter) async throws(StorageFailure) -> Int { matching(filter).count }

    package func requeue(
        _ ids: [Identifier]?, filter: TraceFilter, now: Timestamp
    ) async throws(StorageFailure) -> Int {
        state.withLock { state in
            let named = ids.map(Set.init)
            let dead = state.traces.values.filter {
                $0.isDead && Self.matches($0, filter) && named?.contains($0.id) ?? true
            }
            for var record in dead {
                record.status = .pending
                record.isDead = false
                record.attempt = 0
                record.owner = ""
                record.dueAt = now
                record.errorMessage = ""
                record.completedAt = nil
                state.traces[record.id] = record
                state.ledger.requeue(record.id)
            }
            return dead.count
        }
    }

    package func purgeDead(before: Timestamp) async throws(StorageFailure) -> Int {
        // An operator asks, at any instance.
        try remove(atMost: .max, .max) { record in record.isDead && record.completedAt.map { $0 < before } ?? false }
    }

    package func deleteTraces(before: Timestamp, limit: Int, epoch: Int64) async throws(StorageFailure) -> Int {
        let oldest = Identifier(at: before, random: (0, 0))
        return try remove(atMost: limit, epoch) { Self.isFinished($0) && $0.id < oldest }
    }

    package func deleteTraces(keeping: Int, limit: Int, epoch: Int64) async throws(StorageFailure) -> Int {
        let newest = state.withLock { $0.traces.keys.sorted(by: >) }
        guard newest.count > keeping else { return 0 }
        return try remove(atMost: limit, epoch) { Self.isFinished($0) && $0.id <= newest[keeping] }
    }

    private static func isFinished(_ record: TraceRecord) -> Bool {
        (record.status == .completed || record.status == .failed) && !record.isDead
    }

    /// The oldest that meet the condition go.
    private func remove(
        atMost limit: Int, _ epoch: Int64, where isUnwanted: (TraceRecord) -> Bool
    ) throws(StorageFailure) -> Int {
        try state.withLock { state throws(StorageFailure) in
            try state.cluster.fence(epoch)
            let gone = state.traces.values.filter(isUnwanted).map(\.id).sorted().prefix(limit)
            for id in gone { state.traces[id] = nil }
            return gone.count
        }
    }
}
