import Seeds
import Testing

@testable import StoragePostgres

@Suite struct PartitionPlanTests {
    private static let hour: UInt64 = 3_600_000

    /// Spans that do not overlap, around a moment.
    private static func spans(_ random: inout SeededRandom, around now: UInt64) -> [PartitionPlan.Span] {
        var edge = now > 400 * hour ? now - 400 * hour : 0
        return (0..<Int.random(in: 0...12, using: &random)).map { _ in
            let from = edge + .random(in: 0...30, using: &random) * hour
            edge = from + .random(in: 1...60, using: &random) * hour
            return PartitionPlan.Span(from: from, until: edge)
        }
    }

    @Test(arguments: 0..<400 as Range<UInt64>)
    func `what is missing fills every gap ahead and overlaps nothing`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let hours = Int.random(in: 1...200, using: &random)
        let now = UInt64.random(in: 0...(4_000_000 * Self.hour), using: &random)
        let existing = Self.spans(&random, around: now)
        let plan = PartitionPlan(hours: hours)

        let missing = plan.missing(at: now, existing: existing)
        let all = (existing + missing).sorted { $0.from < $1.from }

        #expect(missing.allSatisfy { $0.from < $0.until })
        #expect(zip(all, all.dropFirst()).allSatisfy { $0.until <= $1.from })
        var covered = now
        for span in all where span.from <= covered && span.until > covered { covered = span.until }
        #expect(covered >= now + UInt64(hours * PartitionPlan.ahead) * Self.hour)
        #expect(plan.missing(at: now, existing: all).isEmpty)
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `only what holds nothing younger is past`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let now = UInt64.random(in: (500 * Self.hour)...(4_000_000 * Self.hour), using: &random)
        let existing = Self.spans(&random, around: now)

        let past = PartitionPlan(hours: 24).past(now, existing: existing.shuffled(using: &random))

        #expect(past == existing.filter { $0.until <= now })
    }

    @Test func `bounds are read as PostgreSQL writes them`() {
        let edge = TracePartitions.edge(1_700_000_000_000).description

        #expect(
            TracePartitions.span("FOR VALUES FROM ('\(edge)') TO ('\(TracePartitions.edge(1_700_000_360_000))')")
                == PartitionPlan.Span(from: 1_700_000_000_000, until: 1_700_000_360_000))
        #expect(
            TracePartitions.span("FOR VALUES FROM (MINVALUE) TO ('\(edge)')")
                == PartitionPlan.Span(from: 0, until: 1_700_000_000_000))
        #expect(TracePartitions.span("DEFAULT") == nil)
        #expect(TracePartitions.name(.init(from: 1_700_000_000_000, until: 0)) == "traces_20231114221320")
    }
}
