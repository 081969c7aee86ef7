package import Vocabulary

extension InMemoryStore {
    /// The ledger of schedules.
    struct Ledger {
        var occurrences: [Identifier: OccurrenceRecord] = [:]
        var cursors: [String: Timestamp] = [:]

        /// How the run of an occurrence ended, or that it waits for its next attempt.
        mutating func settle(_ settlement: TraceSettlement) {
            guard var record = occurrences[settlement.id] else { return }
            record.status =
                settlement.status == .completed ? .completed : settlement.status == .failed ? .failed : .claimed
            record.errorMessage = settlement.errorMessage
            record.attempt = settlement.attempt
            record.startedAt = settlement.startedAt
            record.completedAt = settlement.completedAt
            occurrences[settlement.id] = record
        }

        /// Its dead letter was sent back to the queue: it runs whatever else does.
        mutating func requeue(_ id: Identifier) {
            guard var record = occurrences[id], record.status == .failed else { return }
            record.status = .claimed
            record.slot = nil
            record.errorMessage = ""
            record.completedAt = nil
            occurrences[id] = record
        }

        func isHeld(_ slot: Int, of key: String) -> Bool {
            occurrences.values.contains { $0.status == .claimed && $0.key == key && $0.slot == slot }
        }
    }

    package func scheduleCursors() async throws(StorageFailure) -> [String: Timestamp] {
        state.withLock { $0.ledger.cursors }
    }

    package func record(_ entries: LedgerEntries, epoch: Int64?) async throws(StorageFailure) -> LedgerOutcome {
        state.withLock { state in
            if let epoch, epoch < state.cluster.epoch { return .fenced }
            var ledger = state.ledger
            var leftOut: Set<Identifier> = []
            for record in entries.claims {
                guard ledger.occurrences[record.id]?.status == .pending else { return .overtaken }
                if let slot = record.slot, ledger.isHeld(slot, of: record.key) { return .overtaken }
                ledger.occurrences[record.id] = record
            }
            for record in entries.inserts {
                let isThere = ledger.occurrences.values.contains {
                    $0.channelID == record.channelID && $0.scheduledFor == record.scheduledFor
                }
                if isThere {
                    leftOut.insert(record.id)
                    continue
                }
                if record.status == .claimed, let slot = record.slot, ledger.isHeld(slot, of: record.key) {
                    return .overtaken
                }
                ledger.occurrences[record.id] = record
            }
            ledger.cursors.merge(entries.cursors) { $1 }
            state.ledger = ledger
            for trace in entries.traces where !leftOut.contains(trace.id) { state.traces[trace.id] = trace }
            return .recorded(leftOut: leftOut)
        }
    }

    package func openOccurrences() async throws(StorageFailure) -> [OccurrenceRecord] {
        let all = state.withLock {
            $0.ledger.occurrences.values.sorted { ($0.scheduledFor, $0.id) < ($1.scheduledFor, $1.id) }
        }
        let held = all.filter { $0.status == .claimed && $0.slot != nil }.prefix(10_000)
        let pending = all.filter { $0.status == .pending }.prefix(10_000)
        return (held + pending).sorted { ($0.scheduledFor, $0.id) < ($1.scheduledFor, $1.id) }
    }

    package func moveOccurrence(
        _ id: Identifier, from: [OccurrenceStatus], to status: OccurrenceStatus, at now: Timestamp
    ) async throws(StorageFailure) -> Bool {
        state.withLock { state in
            guard var record = state.ledger.occurrences[id], from.contains(record.status) else { return false }
            record.status = status
            record.slot = nil
            record.errorMessage = ""
            record.completedAt = status == .pending ? nil : now
            state.ledger.occurrences[id] = record
            if status == .pending { state.traces[id] = nil }
            return true
        }
    }

    package func occurrence(_ id: Identifier) async throws(StorageFailure) -> OccurrenceRecord? {
        state.withLock { $0.ledger.occurrences[id] }
    }

    package func occurrences(
        _ filter: OccurrenceFilter, limit: Int, offset: Int
    ) async throws(StorageFailure) -> [OccurrenceRecord] {
        let found = matching(filter).sorted { ($0.scheduledFor, $0.id) > ($1.scheduledFor, $1.id) }
        return Array(found.dropFirst(offset).prefix(limit))
    }

    package func countOccurrences(_ filter: OccurrenceFilter) async throws(StorageFailure) -> Int {
        matching(filter).count
    }

    private func matching(_ filter: OccurrenceFilter) -> [OccurrenceRecord] {
        state.withLock { Array($0.ledger.occurrences.values) }.filter { record in
            filter.channelID.map { $0 == record.channelID } ?? true && filter.status.map { $0 == record.status } ?? true
                && filter.since.map { record.scheduledFor >= $0 } ?? true
                && filter.until.map { record.scheduledFor <= $0 } ?? true
        }
    }

    package func deleteOccurrences(
        before: Timestamp, limit: Int, epoch: Int64
    ) async throws(StorageFailure) -> Int {
        try remove(atMost: limit, epoch) { $0.status != .claimed && $0.scheduledFor < before }
    }

    package func deleteOccurrences(
        keeping: Int, limit: Int, epoch: Int64
    ) async throws(StorageFailure) -> Int {
        let instants = state.withLock { $0.ledger.occurrences.values.map(\.scheduledFor) }.sorted(by: >)
        guard instants.count > keeping else { return 0 }
        return try remove(atMost: limit, epoch) {
            $0.status != .claimed && $0.status != .pending && $0.scheduledFor <= instants[keeping]
        }
    }

    private func remove(
        atMost limit: Int, _ epoch: Int64, where isUnwanted: (OccurrenceRecord) -> Bool
    ) throws(StorageFailure) -> Int {
        try state.withLock { state throws(StorageFailure) in
            try state.cluster.fence(epoch)
            let gone = state.ledger.occurrences.values.filter(isUnwanted)
                .sorted { $0.scheduledFor < $1.scheduledFor }.prefix(limit)
            for record in gone { state.ledger.occurrences[record.id] = nil }
            return gone.count
        }
    }
}
