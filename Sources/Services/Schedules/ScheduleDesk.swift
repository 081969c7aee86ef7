package import Channels
package import Cluster
package import Definitions
package import Storage
package import Traces
package import Vocabulary

/// What people do with schedules: look, start a run by hand, run one again, take one back.
package struct ScheduleDesk: Sendable {
    /// One schedule that is live.
    package struct Overview: Sendable {
        package var channelID: String
        package var channel: String
        package var schedule: ScheduleDefinition
        /// What its runs share slots by; empty where they may overlap.
        package var key: String
        package var next: [Timestamp]
        package var last: OccurrenceRecord?
        package var waiting: Int
        /// Slots of its key that are held, by whichever channel.
        package var held: Int
    }

    private let state: ServingState
    private let store: any OccurrenceStore
    private let queue: TraceQueue
    private let alarm: Alarm
    private let clock: WallClock

    private static let mostTries = 8

    package init(
        state: ServingState, store: any OccurrenceStore, queue: TraceQueue, alarm: Alarm, clock: WallClock = .system
    ) {
        self.state = state
        self.store = store
        self.queue = queue
        self.alarm = alarm
        self.clock = clock
    }

    /// - Parameter next: how many of the coming instants to name.
    /// - Returns: one page, by channel id, and how many there are in all.
    package func overview(
        limit: Int, offset: Int, next: Int
    ) async throws(StorageFailure) -> (schedules: [Overview], total: Int) {
        let all = state.current.scheduled
        let open = try await store.openOccurrences()
        let now = clock.now()
        var found: [Overview] = []
        for channel in all.dropFirst(offset).prefix(limit) {
            guard let schedule = channel.definition.schedule else { continue }
            let key = channel.slotKey(schedule)
            found.append(
                Overview(
                    channelID: channel.id, channel: channel.name, schedule: schedule, key: key,
                    next: schedule.next(next, after: now),
                    last: try await store.occurrences(.init(channelID: channel.id), limit: 1, offset: 0).first,
                    waiting: open.count { $0.status == .pending && $0.channelID == channel.id },
                    held: open.count { $0.status == .claimed && !key.isEmpty && $0.key == key }))
        }
        return (found, all.count)
    }

    /// Starts a run now, under the same rules for overlaps as a scheduled one.
    ///
    /// - Returns: its occurrence: claimed, or pending where it has to wait for its turn.
    package func trigger(_ channelID: String) async throws -> OccurrenceRecord {
        let (channel, schedule) = try served(channelID)
        let key = channel.slotKey(schedule)
        // Overlaps only: nothing is missed here.
        let decision = ScheduleDecision(schedule, grace: .zero, maxCatchUp: 1)
        for _ in 0..<Self.mostTries {
            let now = clock.now()
            let open = try await store.openOccurrences()
            var load = ScheduleDecision.Load(
                held: Set(open.filter { $0.status == .claimed && $0.key == key }.compactMap(\.slot)),
                waiting: open.count { $0.status == .pending && $0.channelID == channelID })
            // Instants of a timetable are whole seconds: none of them may be taken away from it.
            let isWhole = now.microseconds % 1_000_000 == 0
            var record = OccurrenceRecord(
                id: .make(at: now), channelID: channelID, channel: channel.name,
                scheduledFor: Timestamp(microseconds: now.microseconds + (isWhole ? 1 : 0)), isManual: true,
                status: .claimed, key: key, owner: queue.instance, createdAt: now)
            var runs: [QueuedTrace] = []
            switch decision.admit(&load) {
            case .run(let slot):
                record.slot = slot
                do throws(Refusal) { runs = [try ScheduledRun.make(record, channel, schedule, at: now)] } catch {
                    throw error.problem
                }
            case .wait: record.status = .pending
            case .overlapped, .missed:
                let reason =
                    schedule.overlap == .queue
                    ? "has as many runs waiting as may wait" : "is running, and its runs may not overlap"
                throw Problem(.conflict, "The channel `\(channel.name)` \(reason).", retryAfter: .seconds(1))
            }
            if try await commit(record, runs) { return record }
        }
        throw Problem(.conflict, "The channel is being started by others; try again.", retryAfter: .seconds(1))
    }

    /// - Returns: whether it is on disk; otherwise somebody was faster.
    private func commit(_ record: OccurrenceRecord, _ runs: [QueuedTrace]) async throws -> Bool {
        let store = store
        var isRecorded = false
        let problem = try await queue.accept(runs) { rows throws(StorageFailure) in
            guard rows.count == runs.count else { return [] }
            var entries = LedgerEntries()
            entries.inserts = [record]
            entries.traces = rows
            isRecorded = try await store.record(entries, epoch: nil) == .recorded(leftOut: [])
            return isRecorded ? Set(rows.map(\.id)) : []
        }
        if let problem { throw problem }
        if isRecorded, record.status == .pending { alarm.ring() }
        return isRecorded
    }

    /// Another attempt at the same instant. It takes its turn like those that wait.
    package func retry(_ id: Identifier) async throws -> OccurrenceRecord {
        let found = try await occurrence(id)
        _ = try served(found.channelID)
        return try await move(
            found, from: [.failed, .skippedMisfire, .skippedSingleton, .cancelled], to: .pending,
            "Only an occurrence that failed, was skipped or cancelled can be run again; this one is ")
    }

    package func cancel(_ id: Identifier) async throws -> OccurrenceRecord {
        try await move(
            try await occurrence(id), from: [.pending], to: .cancelled,
            "Only an occurrence that waits for its turn can be cancelled; this one is ")
    }

    package func occurrence(_ id: Identifier) async throws -> OccurrenceRecord {
        guard let found = try await store.occurrence(id) else {
            throw Problem(.notFound, "There is no occurrence `\(id)`.")
        }
        return found
    }

    private func move(
        _ record: OccurrenceRecord, from: [OccurrenceStatus], to status: OccurrenceStatus, _ sentence: String
    ) async throws -> OccurrenceRecord {
        let isMoved = try await store.moveOccurrence(record.id, from: from, to: status, at: clock.now())
        let now = try await occurrence(record.id)
        guard isMoved else { throw Problem(.conflict, "\(sentence)\(now.status.name).") }
        alarm.ring()
        return now
    }

    private func served(_ channelID: String) throws(Problem) -> (ServedChannel, ScheduleDefinition) {
        let snapshot = state.current
        if let channel = snapshot.scheduled.first(where: { $0.id == channelID }),
            let schedule = channel.definition.schedule
        {
            return (channel, schedule)
        }
        if let issue = snapshot.quarantined.values.first(where: { $0.channelID == channelID }) { throw issue.problem }
        if snapshot.channels.values.contains(where: { $0.id == channelID }) {
            throw Problem(.validation, "The channel `\(channelID.prefix(128))` has no schedule.")
        }
        throw Problem(.notFound, "There is no active channel `\(channelID.prefix(128))`.")
    }
}
