import Testing
import Vocabulary

@testable import Assembly

@Suite struct DiagnosisTests {
    private static let now = Timestamp(microseconds: 1_790_000_000_000_000)

    @Test func `a clock that went back behind the newest record fails, small differences do not`() {
        #expect(ClockCheck.sane(Self.now, nil).status == .ok)
        #expect(ClockCheck.sane(Self.now, Self.now + .seconds(4)).status == .ok)
        #expect(ClockCheck.sane(Self.now, Self.now + .seconds(60)).status == .fail)
        #expect(ClockCheck.sane(Timestamp(microseconds: 0), nil).status == .fail)
    }

    @Test func `a clock that is set while it is watched is noticed`() {
        let steady = ClockCheck.findings(newest: nil, ClockCheck.Watch())
        let set = ClockCheck.findings(
            newest: nil, ClockCheck.Watch(wall: .now() + .seconds(-10), monotonic: Stopwatch.nanoseconds()))

        #expect(steady.map(\.status) == [.ok, .ok])
        #expect(set.last?.status == .warn && set.last?.found.contains("ms") == true)
    }

    @Test func `files are judged by what every connection needs`() {
        #expect(LimitCheck.files(soft: 20_000, hard: 20_000, connections: 10_000).status == .ok)
        #expect(LimitCheck.files(soft: 1024, hard: 20_000, connections: 10_000).advice?.contains("ulimit") == true)
        #expect(LimitCheck.files(soft: 1024, hard: 4096, connections: 10_000).advice?.contains("hard limit") == true)
        #expect(LimitCheck.files(soft: 100, hard: 100, connections: 10_000).status == .fail)
    }

    @Test func `memory and processors are judged by what the settings want of them`() {
        #expect(LimitCheck.memory(available: 64 << 20, queue: 1).status == .fail)
        #expect(LimitCheck.memory(available: 1 << 30, queue: 600 << 20).status == .warn)
        #expect(LimitCheck.memory(available: 1 << 30, queue: 100 << 20).status == .ok)
        #expect(LimitCheck.memory(available: nil, queue: 1).status == .ok)
        #expect(LimitCheck.processors(8, quota: 2, threads: 0).advice?.contains("server.threads to 2") == true)
        #expect(LimitCheck.processors(8, quota: nil, threads: 8).status == .ok)
        #expect(LimitCheck.processors(2, quota: 1.5, threads: 2).status == .ok)
    }
}
