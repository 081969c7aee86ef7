import Definitions
import Schedules
import Seeds
import Testing
import Vocabulary

@Suite struct ScheduleDecisionTests {
    private func at(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: seconds * 1_000_000) }

    /// Every `step` seconds.
    private func timetable(_ step: Int64) -> (Timestamp) -> Timestamp? {
        { moment in Timestamp(microseconds: (moment.microseconds / (step * 1_000_000) + 1) * step * 1_000_000) }
    }

    private func decision(
        _ misfire: ScheduleDefinition.Misfire = .latest, _ overlap: ScheduleDefinition.Overlap = .allow,
        maxCatchUp: Int = 10, slots: Int = 1, maxQueued: Int = 3, grace: Int64 = 5
    ) -> ScheduleDecision {
        ScheduleDecision(
            misfire: misfire, maxCatchUp: maxCatchUp, overlap: overlap, slots: slots, maxQueued: maxQueued,
            grace: .seconds(grace))
    }

    @Test(arguments: 0..<2000 as Range<UInt64>)
    func `every instant is decided exactly once, in order, within all bounds`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let step = Int64.random(in: 1...40, using: &random)
        let slots = Int.random(in: 1...4, using: &random)
        let misfire = try #require(ScheduleDefinition.Misfire.allCases.randomElement(using: &random))
        let overlap = try #require(ScheduleDefinition.Overlap.allCases.randomElement(using: &random))
        let decision = decision(
            misfire, overlap, maxCatchUp: Int.random(in: 1...20, using: &random), slots: slots,
            maxQueued: Int.random(in: 1...5, using: &random), grace: Int64.random(in: 1...30, using: &random))
        let load = ScheduleDecision.Load(
            held: Set((0..<slots).filter { _ in random.chance(oneIn: 2) }),
            waiting: random.chance(oneIn: 2) ? 0 : Int.random(in: 0...6, using: &random))
        let cursor = at(Int64.random(in: 1000...1100, using: &random))
        let now = Timestamp(
            microseconds: cursor.microseconds + Int64.random(in: -50_000_000...900_000_000, using: &random))

        let plan = decision.plan(timetable(step), after: cursor, at: now, load: load)

        var due: [Timestamp] = []
        var last = min(cursor, now)
        while let next = timetable(step)(last), next <= now {
            due.append(next)
            last = next
        }
        let boundary = now + .seconds(0) + (.zero - decision.grace)
        let missed = due.filter { $0 < boundary }
        // Each once: on its own, or within a stretch.
        var decided: [Timestamp] = []
        for entry in plan.entries {
            if case .missed(let count, let first) = entry.action {
                let stretch = due.filter { (first...entry.scheduledFor).contains($0) }
                #expect(stretch.count == count && stretch.allSatisfy { missed.contains($0) })
                decided += stretch
            } else {
                decided.append(entry.scheduledFor)
            }
        }
        #expect(decided == due, "seed \(seed)")

        var held = load.held
        var waiting = load.waiting
        var ranMissed = 0
        var waitsMissed = 0
        for entry in plan.entries {
            let isMissed = missed.contains(entry.scheduledFor)
            switch entry.action {
            case .run(let slot):
                if isMissed { ranMissed += 1 }
                #expect((slot == nil) == (overlap == .allow))
                if let slot {
                    #expect(waiting == 0, "nobody is overtaken")
                    #expect(slot < slots && held.insert(slot).inserted, "a slot is held once")
                }
            case .wait:
                if isMissed { waitsMissed += 1 }
                waiting += 1
                #expect(overlap == .queue || misfire == .catchUp && isMissed)
                #expect(isMissed && misfire == .catchUp || waiting <= decision.maxQueued)
            case .overlapped:
                #expect(overlap != .allow)
                #expect(waiting > 0 || held.count == slots, "there was no room")
            case .missed: break
            }
        }
        switch misfire {
        case .skip: #expect(ranMissed + waitsMissed == 0)
        case .latest:
            #expect(ranMissed + waitsMissed <= 1)
            if due.count > missed.count { #expect(ranMissed + waitsMissed == 0) }
        case .catchUp: #expect(waitsMissed == min(missed.count, decision.maxCatchUp) && ranMissed == 0)
        }
    }

    @Test func `a schedule of every second that rested for a year is decided at once`() {
        let plan = decision(.latest).plan(timetable(1), after: at(0), at: at(31_536_000), load: .init())

        #expect(
            plan.entries.first
                == .init(
                    scheduledFor: at(31_535_994), action: .missed(count: ScheduleDecision.mostCounted, first: at(1))))
        #expect(plan.entries.dropFirst().map(\.scheduledFor) == (31_535_995...31_536_000).map(at))
    }

    @Test func `the newest that was missed runs where nothing else is due`() {
        let plan = decision(.latest).plan(timetable(60), after: at(0), at: at(290), load: .init())

        #expect(
            plan.entries == [
                .init(scheduledFor: at(180), action: .missed(count: 3, first: at(60))),
                .init(scheduledFor: at(240), action: .run(slot: nil)),
            ])
    }

    @Test func `those that catch up wait for their turn even where runs may not overlap`() {
        let forbid = decision(.catchUp, .forbid, maxCatchUp: 3)

        let plan = forbid.plan(timetable(60), after: at(0), at: at(300), load: .init())

        #expect(plan.entries.map(\.action) == [.wait, .wait, .wait, .missed(count: 1, first: at(240)), .overlapped])
        #expect(forbid.slotsForWaiting(.init(held: [], waiting: 3)) == [0])
        #expect(forbid.slotsForWaiting(.init(held: [0], waiting: 3)) == [])
    }

    @Test func `a cursor ahead of the clock does not stop the schedule`() {
        let plan = decision().plan(timetable(10), after: at(1_000_000), at: at(105), load: .init())
        let later = decision().plan(timetable(10), after: at(1_000_000), at: at(105) + .seconds(6), load: .init())

        #expect(plan.entries.isEmpty && later.entries.isEmpty)
    }
}
