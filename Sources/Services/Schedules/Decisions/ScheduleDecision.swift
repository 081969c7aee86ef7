package import Definitions
package import Vocabulary

/// What becomes of the instants of one schedule that have come since it was looked at last: pure, told the time.
package struct ScheduleDecision: Sendable {
    package var misfire: ScheduleDefinition.Misfire
    /// Missed instants that run under `catch_up`.
    package var maxCatchUp: Int
    package var overlap: ScheduleDefinition.Overlap
    package var slots: Int
    package var maxQueued: Int
    /// Up to this much late, an instant is on time.
    package var grace: Duration

    /// What goes on while it is decided.
    package struct Load: Sendable, Equatable {
        /// Slots of the schedule's key that are held, by whichever channel.
        package var held: Set<Int>
        /// Occurrences of this schedule that wait for their turn.
        package var waiting: Int

        package init(held: Set<Int> = [], waiting: Int = 0) {
            self.held = held
            self.waiting = waiting
        }
    }

    package enum Action: Sendable, Equatable {
        /// Now, holding this slot; nil where runs may overlap.
        case run(slot: Int?)
        /// Behind those that wait already.
        case wait
        /// Others run, and it is not to wait.
        case overlapped
        /// It and those before it, from `first` on, came while nobody was there. Counted up to ``ScheduleDecision/mostCounted``.
        case missed(count: Int, first: Timestamp)
    }

    package struct Entry: Sendable, Equatable {
        package var scheduledFor: Timestamp
        package var action: Action

        package init(scheduledFor: Timestamp, action: Action) {
            self.scheduledFor = scheduledFor
            self.action = action
        }
    }

    package struct Plan: Sendable, Equatable {
        /// In order of time.
        package var entries: [Entry] = []
        /// More instants have come than were looked at: ask again.
        package var isMore = false
    }

    /// Missed instants that are counted one by one.
    package static let mostCounted = 10_000
    /// Entries of one plan, besides those that catch up.
    package static let mostEntries = 500

    package init(
        misfire: ScheduleDefinition.Misfire, maxCatchUp: Int, overlap: ScheduleDefinition.Overlap, slots: Int,
        maxQueued: Int, grace: Duration
    ) {
        self.misfire = misfire
        self.maxCatchUp = maxCatchUp
        self.overlap = overlap
        self.slots = slots
        self.maxQueued = maxQueued
        self.grace = grace
    }

    /// - Parameters:
    ///   - next: the timetable: the first instant after a moment.
    ///   - cursor: up to where all is decided. A cursor ahead of `now` (the clock was set back) counts as `now`: what
    ///     comes twice is in the ledger already.
    package func plan(
        _ next: (Timestamp) -> Timestamp?, after cursor: Timestamp, at now: Timestamp, load: Load
    ) -> Plan {
        var plan = Plan()
        var load = load
        let start = min(cursor, now)
        let boundary = Timestamp(microseconds: now.microseconds - grace.wholeMicroseconds)
        var onTime: [Timestamp] = []
        var last = max(start, Timestamp(microseconds: boundary.microseconds - 1))
        while let instant = next(last), instant <= now {
            guard onTime.count < Self.mostEntries else {
                plan.isMore = true
                break
            }
            onTime.append(instant)
            last = instant
        }
        addMissed(next, after: start, before: boundary, isFollowed: !onTime.isEmpty, &load, &plan)
        for instant in onTime { plan.entries.append(Entry(scheduledFor: instant, action: admit(&load))) }
        return plan
    }

    /// Slots for those that wait, longest waiting first: as many as may run now.
    package func slotsForWaiting(_ load: Load) -> [Int?] {
        if overlap == .allow { return Array(repeating: nil, count: load.waiting) }
        return Array((0..<slots).filter { !load.held.contains($0) }.prefix(load.waiting))
    }

    /// What becomes of an instant that is due now, or of a run that is started by hand.
    package func admit(_ load: inout Load) -> Action {
        if overlap == .allow { return .run(slot: nil) }
        // Whoever waits comes first: a newcomer must not take the slot it waits for.
        if load.waiting == 0, let free = (0..<slots).first(where: { !load.held.contains($0) }) {
            load.held.insert(free)
            return .run(slot: free)
        }
        guard overlap == .queue, load.waiting < maxQueued else { return .overlapped }
        load.waiting += 1
        return .wait
    }

    private func addMissed(
        _ next: (Timestamp) -> Timestamp?, after start: Timestamp, before end: Timestamp, isFollowed: Bool,
        _ load: inout Load, _ plan: inout Plan
    ) {
        guard let first = next(start), first < end, let newest = Self.newest(next, after: start, before: end) else {
            return
        }
        switch misfire {
        case .skip: addSkipped(next, from: first, through: newest, &plan)
        case .latest:
            // What is due now brings things up to date as well as the newest that was missed.
            if isFollowed { return addSkipped(next, from: first, through: newest, &plan) }
            if let before = Self.newest(next, after: start, before: newest) {
                addSkipped(next, from: first, through: before, &plan)
            }
            plan.entries.append(Entry(scheduledFor: newest, action: admit(&load)))
        case .catchUp:
            var caughtUp = 0
            var instant: Timestamp? = first
            while let due = instant, due < end, caughtUp < maxCatchUp {
                // Each is work of its own, so it waits for its turn even where newcomers may not.
                plan.entries.append(Entry(scheduledFor: due, action: .wait))
                load.waiting += 1
                caughtUp += 1
                instant = next(due)
            }
            if let rest = instant, rest < end { addSkipped(next, from: rest, through: newest, &plan) }
        }
    }

    /// One entry for all of a stretch.
    private func addSkipped(
        _ next: (Timestamp) -> Timestamp?, from first: Timestamp, through newest: Timestamp, _ plan: inout Plan
    ) {
        var count = 1
        var last = first
        while count < Self.mostCounted, let following = next(last), following <= newest {
            count += 1
            last = following
        }
        plan.entries.append(Entry(scheduledFor: newest, action: .missed(count: count, first: first)))
    }

    /// The last instant of `start..<end`, by halving: a schedule of every second that rested for a year is not walked.
    static func newest(
        _ next: (Timestamp) -> Timestamp?, after start: Timestamp, before end: Timestamp
    ) -> Timestamp? {
        guard let first = next(start), first < end else { return nil }
        // There is an instant between `low` and `end`, and none between `high` and `end`.
        var low = first.microseconds - 1
        var high = end.microseconds
        while high - low > 1_000_000 {
            let middle = low + (high - low) / 2
            if let found = next(Timestamp(microseconds: middle)), found < end { low = middle } else { high = middle }
        }
        return next(Timestamp(microseconds: low))
    }
}
