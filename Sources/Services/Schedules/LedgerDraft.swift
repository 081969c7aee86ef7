import Channels
import Definitions
import Storage
import Traces
import Vocabulary

/// What one pass wants to write down: built channel by channel, then cut to the runs that the queue has places for.
struct LedgerDraft {
    private struct Item {
        var record: OccurrenceRecord
        var isNew: Bool
        var run: QueuedTrace?
    }

    let now: Timestamp
    private(set) var runs: [QueuedTrace] = []
    /// More is due than this draft holds.
    var isMore = false
    /// The queue had no places for some runs.
    private(set) var isCut = false
    /// Occurrences were written down that wait, and may find a slot at once.
    private(set) var hasNewlyWaiting = false
    /// How many wait when all is written.
    private(set) var waitingAfter = 0

    private let settings: Scheduler.Settings
    private let owner: String
    private let epoch: Int64
    /// One for each channel, in order of time.
    private var turns: [(channelID: String, items: [Item])] = []
    private var waiting: [String: [OccurrenceRecord]] = [:]
    private var held: [String: Set<Int>] = [:]

    init(open: [OccurrenceRecord], settings: Scheduler.Settings, owner: String, epoch: Int64, now: Timestamp) {
        self.settings = settings
        self.owner = owner
        self.epoch = epoch
        self.now = now
        for record in open {
            if record.status == .pending {
                waiting[record.channelID, default: []].append(record)
            } else if let slot = record.slot {
                held[record.key, default: []].insert(slot)
            }
        }
    }

    var isEmpty: Bool { turns.allSatisfy(\.items.isEmpty) }

    /// Those that wait take the slots that are free.
    mutating func addWaiting(_ channel: ServedChannel, _ schedule: ScheduleDefinition, atMost limit: Int) {
        guard let pending = waiting[channel.id] else { return }
        let key = channel.slotKey(schedule)
        let slots = decision(schedule).slotsForWaiting(.init(held: held[key] ?? [], waiting: pending.count))
        var items: [Item] = []
        for (record, slot) in zip(pending, slots.prefix(limit - runs.count)) {
            var claimed = record
            claimed.status = .claimed
            claimed.key = key
            claimed.slot = slot
            items.append(begin(claimed, channel, schedule, isNew: false))
        }
        waiting[channel.id] = Array(pending.dropFirst(items.count))
        turns.append((channel.id, items))
    }

    /// What has become due since `cursor`.
    mutating func addDue(_ channel: ServedChannel, _ schedule: ScheduleDefinition, after cursor: Timestamp) {
        let key = channel.slotKey(schedule)
        let load = ScheduleDecision.Load(held: held[key] ?? [], waiting: waiting[channel.id]?.count ?? 0)
        let plan = decision(schedule).plan(
            { schedule.expression.next(after: $0, in: schedule.zone) }, after: cursor, at: now, load: load)
        if plan.isMore { isMore = true }
        var items: [Item] = []
        for entry in plan.entries {
            var record = OccurrenceRecord(
                id: .make(at: now), channelID: channel.id, channel: channel.name, scheduledFor: entry.scheduledFor,
                status: .claimed, key: key, owner: owner, epoch: epoch, createdAt: now)
            switch entry.action {
            case .run(let slot):
                record.slot = slot
                items.append(begin(record, channel, schedule, isNew: true))
                continue
            case .wait: record.status = .pending
            case .overlapped:
                record.status = .skippedSingleton
                record.errorMessage = "Others were running."
                record.completedAt = now
            case .missed(let count, let first):
                record.status = .skippedMisfire
                record.count = count
                record.firstMissed = first
                record.errorMessage = Self.missedSentence(count, first, entry.scheduledFor)
                record.completedAt = now
            }
            items.append(Item(record: record, isNew: true, run: nil))
        }
        turns.append((channel.id, items))
    }

    private func decision(_ schedule: ScheduleDefinition) -> ScheduleDecision {
        ScheduleDecision(schedule, grace: settings.grace, maxCatchUp: settings.maxCatchUp)
    }

    /// A record that is claimed, with its run; failed where the channel's gates do not let it in.
    private mutating func begin(
        _ record: OccurrenceRecord, _ channel: ServedChannel, _ schedule: ScheduleDefinition, isNew: Bool
    ) -> Item {
        var record = record
        record.owner = owner
        record.epoch = epoch
        do throws(Refusal) {
            let run = try ScheduledRun.make(record, channel, schedule, at: now)
            if let slot = record.slot { held[record.key, default: []].insert(slot) }
            runs.append(run)
            return Item(record: record, isNew: isNew, run: run)
        } catch {
            record.status = .failed
            record.slot = nil
            record.errorMessage = error.problem.message
            record.completedAt = now
            return Item(record: record, isNew: isNew, run: nil)
        }
    }

    private static func missedSentence(_ count: Int, _ first: Timestamp, _ last: Timestamp) -> String {
        if count == 1 { return "Nobody was there to run it in time." }
        let number = count < ScheduleDecision.mostCounted ? "\(count)" : "At least \(count)"
        return
            "\(number) occurrences from \(first.rfc3339) to \(last.rfc3339) passed while nobody was there to run them."
    }

    /// - Parameter rows: of the runs that have a place in the queue. A channel's entries end where one has none: they and
    ///   what comes after them are decided anew later.
    mutating func entries(with rows: [TraceRecord]) -> LedgerEntries {
        var entries = LedgerEntries()
        let traces = Dictionary(rows.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        waitingAfter = waiting.values.reduce(0) { $0 + $1.count }
        for turn in turns {
            for item in turn.items {
                if let run = item.run {
                    guard let trace = traces[run.id] else {
                        isCut = true
                        if !item.isNew { waitingAfter += 1 }
                        break
                    }
                    entries.traces.append(trace)
                }
                guard item.isNew else {
                    entries.claims.append(item.record)
                    continue
                }
                if item.record.status == .pending {
                    hasNewlyWaiting = true
                    waitingAfter += 1
                }
                entries.inserts.append(item.record)
                entries.cursors[turn.channelID] = item.record.scheduledFor
            }
        }
        return entries
    }
}
