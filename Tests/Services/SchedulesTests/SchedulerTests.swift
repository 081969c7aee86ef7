import Channels
import Cluster
import Connectors
import Definitions
import JSONTree
import Schedules
import Seeds
import Storage
import Synchronization
import Telemetry
import Testing
import Traces
import Vocabulary
import Workflows

@Suite struct SchedulerTests {
    private final class Clock: Sendable {
        private let time: Mutex<Timestamp>
        init(_ seconds: Int64) { time = Mutex(Timestamp(microseconds: seconds * 1_000_000)) }
        func advance(by duration: Duration) { time.withLock { $0 = $0 + duration } }
        var wall: WallClock { WallClock { self.time.withLock { $0 } } }
        var now: Timestamp { time.withLock { $0 } }
    }

    private final class Runner: TraceRunning {
        let runs = Mutex<[Identifier]>([])
        func run(_ trace: QueuedTrace, attempt: Int, timeout: Duration) async -> RunResult {
            runs.withLock { $0.append(trace.id) }
            return .completed(result: [], steps: [])
        }
    }

    /// What an instance believes of its leadership.
    private final class Leads: Sendable {
        let epoch = Mutex<Int64?>(nil)
    }

    /// One process over a store that others may use too.
    private struct Instance {
        let state = ServingState()
        let runner = Runner()
        let writer: TraceWriter
        let queue: TraceQueue
        let scheduler: Scheduler
        let leads = Leads()
        let store: InMemoryStore
        let desk: ScheduleDesk

        init(_ store: InMemoryStore, _ clock: Clock, places: Int = 1000) {
            writer = TraceWriter(store: store, lanes: 1)
            queue = TraceQueue(
                settings: .init(
                    workers: 1, timeout: .seconds(1), retry: RetryPolicy(isEnabled: false, maxRetries: 0),
                    pollInterval: .seconds(1)),
                bounds: QueueBounds(maxCount: places, maxBytes: 1 << 30), instance: Identifier.make().description,
                store: store, writer: writer, runner: runner, clock: clock.wall)
            let alarm = Alarm()
            let leads = leads
            self.store = store
            scheduler = Scheduler(
                settings: .init(pollInterval: .seconds(1), grace: .seconds(5), maxCatchUp: 1000), state: state,
                store: store, queue: queue, alarm: alarm, clock: clock.wall,
                leading: { leads.epoch.withLock { $0 } }, fenced: { leads.epoch.withLock { $0 = nil } })
            desk = ScheduleDesk(state: state, store: store, queue: queue, alarm: alarm, clock: clock.wall)
        }

        func serve(
            _ schedules: [String: String], activatedAt: Timestamp, generation: Int64 = 1, config: String = "{}"
        ) throws {
            let functions = FunctionCatalogue.builtIn
            let task = #"{"id":"l","name":"l","function":{"name":"log","input":{"message":"x"}}}"#
            let text = #"{"name":"w","tasks":[\#(task)]}"#
            let body = try OwnedJSON(parsing: Array(text.utf8))
            let workflow = try body.read { value in
                Result { try CompiledWorkflow.compile(value, id: "w", version: 1, functions: functions) }
            }.get()
            let channels = try schedules.map { id, transport in
                let text =
                    #"{"name":"\#(id)","channel_type":"async","protocol":"cron","workflow_id":"w","config":\#(config),"#
                    + #""transport_config":\#(transport)}"#
                let json = try OwnedJSON(parsing: Array(text.utf8))
                let (definition, details) = json.read { ChannelDefinition.parse($0) }
                #expect(details.isEmpty, "\(details)")
                return ServedChannel(
                    id: id, version: Int(generation), activatedAt: activatedAt,
                    definition: try #require(definition), workflows: [(workflow, 100)], callerCheck: nil, previous: nil,
                    meters: ChannelMeters(channel: id, registry: MetricRegistry()))
            }
            state.swap(
                for: ServingSnapshot(
                    generation: generation, channels: channels, quarantined: [], workflowCount: 1, connectors: .empty))
        }

        /// Takes leadership, whoever has it.
        func lead() async throws {
            let instance = InstanceRecord(id: queue.instance, version: "", address: "")
            let view = try await store.beat(instance, ttl: .zero, candidacy: .open)
            leads.epoch.withLock { $0 = view.epoch }
        }

        /// Passes until there is nothing more to do now; leads first, unless it leads already or is not to.
        func settle(leading: Bool = true) async throws -> Scheduler.Pass {
            if leading, leads.epoch.withLock({ $0 }) == nil { try await lead() }
            for _ in 0..<50 {
                let pass = try await scheduler.passOnce()
                if pass != .again { return pass }
            }
            throw StorageFailure.broken("it does not come to rest")
        }

        /// Runs what is claimed, as a worker would.
        func runAll(_ store: InMemoryStore) async throws {
            for id in try await store.traces(TraceFilter(), before: nil, limit: 10_000, offset: 0, ascending: true)
                .filter({
                    $0.status == .pending && $0.owner == queue.instance
                }).map(\.id)
            {
                guard let trace = try await store.trace(id) else { continue }
                await queue.runOnce(
                    QueuedTrace(
                        id: id, channelID: trace.channelID, channel: trace.channel, input: trace.input,
                        attempt: trace.attempt, epoch: trace.epoch, createdAt: trace.createdAt, mode: trace.mode),
                    lane: 0)
            }
            while await writer.commitOnce() {}
        }
    }

    private func all(_ store: InMemoryStore) async throws -> [OccurrenceRecord] {
        try await store.occurrences(OccurrenceFilter(), limit: 100_000, offset: 0).reversed()
    }

    private let everySecond = #"{"schedule":"* * * * * *"}"#

    @Test func `what is due is in the ledger with its run, and sleep lasts until the next`() async throws {
        let clock = Clock(1_800_000_000)
        let store = InMemoryStore()
        let one = Instance(store, clock)
        try one.serve(["c": #"{"schedule":"*/10 * * * * *","payload":{"a":1}}"#], activatedAt: clock.now)

        #expect(try await one.settle() == .sleep(.seconds(1)))
        clock.advance(by: .milliseconds(9_900))
        #expect(try await one.settle() == .sleep(.milliseconds(100)))
        #expect(try await all(store).isEmpty)
        clock.advance(by: .milliseconds(103))
        _ = try await one.settle()

        let record = try #require(try await all(store).first)
        #expect(record.status == .claimed && record.scheduledFor == Timestamp(microseconds: 1_800_000_010_000_000))
        #expect(record.epoch == 1 && record.owner == one.queue.instance)
        let trace = try #require(try await store.trace(record.id))
        #expect(trace.mode == .cron && trace.status == .pending)
        let input = String(decoding: trace.input, as: UTF8.self)
        #expect(
            input.contains(#""payload":{"a":1}"#) && input.contains(#""scheduled_for":"2027-01-15T08:00:10.000000Z""#))
        try await one.runAll(store)
        #expect(try await store.occurrence(record.id)?.status == .completed)
    }

    /// Time passes, the process dies and comes back, the clock is set back, the queue fills up.
    @Test(arguments: 0..<150 as Range<UInt64>)
    func `whatever happens, each instant is in the ledger exactly once, with exactly one run`(seed: UInt64) async throws
    {
        var random = SeededRandom(seed: seed)
        let clock = Clock(1_800_000_000)
        let start = clock.now
        let store = InMemoryStore()
        let overlap = ["allow", "forbid", "queue"][Int(seed % 3)]
        let transport =
            #"{"schedule":"*/2 * * * * *","misfire_policy":"catch_up","max_catch_up":1000,"#
            + #""concurrency":{"policy":"\#(overlap)"}}"#
        var one = Instance(store, clock, places: 8)
        try one.serve(["c": transport], activatedAt: start)
        for _ in 0..<30 {
            clock.advance(by: .milliseconds(Int64.random(in: 1...9000, using: &random)))
            if random.chance(oneIn: 8), clock.now > start + .seconds(10) {
                clock.advance(by: .seconds(-Int64.random(in: 1...10, using: &random)))
            }
            _ = try await one.settle()
            if random.chance(oneIn: 2) { try await one.runAll(store) }
            if random.chance(oneIn: 4) {
                one = Instance(store, clock, places: 8)
                try one.serve(["c": transport], activatedAt: start)
                await one.queue.rescueOnce()
            }
        }
        clock.advance(by: .seconds(15))
        for _ in 0..<200 {
            _ = try await one.settle()
            await one.queue.rescueOnce()
            try await one.runAll(store)
        }

        let records = try await all(store)
        let instants = records.map(\.scheduledFor)
        let last = try #require(instants.last)
        let seconds = (last - start).components.seconds
        #expect(
            instants == stride(from: Int64(2), through: seconds, by: 2).map { start + .seconds($0) }, "seed \(seed)")
        let ran = records.filter { $0.status == .completed }
        #expect(records.allSatisfy { $0.status == .completed || overlap != "allow" && $0.status == .skippedSingleton })
        let traces = try await store.traces(TraceFilter(), before: nil, limit: 10_000, offset: 0, ascending: true)
        #expect(Set(traces.map(\.id)) == Set(ran.map(\.id)))
        #expect(traces.allSatisfy { $0.status == .completed })
    }

    @Test func `one that was overtaken writes nothing more, and goes on when it leads again`() async throws {
        let clock = Clock(1_800_000_000)
        let store = InMemoryStore()
        let (first, second) = (Instance(store, clock), Instance(store, clock))
        for instance in [first, second] { try instance.serve(["c": everySecond], activatedAt: clock.now) }
        clock.advance(by: .seconds(1))
        _ = try await first.settle()
        clock.advance(by: .seconds(1))
        _ = try await second.settle()
        clock.advance(by: .seconds(1))

        #expect(try await first.settle(leading: false) == .rest)
        #expect(try await all(store).count == 2)
        #expect(first.queue.bounds.count == 1, "the place of the run that was not written is given back")
        #expect(try await first.settle(leading: false) == .rest, "it does not even try")

        clock.advance(by: .seconds(1))
        #expect(try await first.settle() != .rest)
        #expect(try await all(store).count == 4, "each instant once")
    }

    @Test func `a full queue leaves instants for later, and gives nothing away twice`() async throws {
        let clock = Clock(1_800_000_000)
        let store = InMemoryStore()
        let one = Instance(store, clock, places: 2)
        try one.serve(["c": everySecond], activatedAt: clock.now)
        clock.advance(by: .seconds(4))
        _ = try await one.settle()
        #expect(try await all(store).count == 2 && one.queue.bounds.count == 2)

        try await one.runAll(store)
        #expect(one.queue.bounds.count == 0)
        _ = try await one.settle()

        #expect(try await all(store).map(\.status) == [.completed, .completed, .claimed, .claimed])
    }

    @Test func `a queue that is always full serves every schedule in turn`() async throws {
        let clock = Clock(1_800_000_000)
        let store = InMemoryStore()
        let one = Instance(store, clock, places: 1)
        try one.serve(["a": everySecond, "b": everySecond, "c": everySecond], activatedAt: clock.now)
        for _ in 0..<12 {
            clock.advance(by: .seconds(1))
            _ = try await one.settle()
            try await one.runAll(store)
        }

        let served = Dictionary(grouping: try await all(store).filter { $0.status == .completed }, by: \.channelID)
        #expect(Set(served.keys) == ["a", "b", "c"] && served.values.allSatisfy { $0.count >= 2 })
    }

    @Test func `one that waits for a slot does not make others late`() async throws {
        let clock = Clock(1_800_000_000)
        let store = InMemoryStore()
        let one = Instance(store, clock)
        try one.serve(
            ["a": #"{"schedule":"0 0 0 1 1 *","concurrency":{"policy":"queue"}}"#, "b": everySecond],
            activatedAt: clock.now)
        clock.advance(by: .milliseconds(700))
        for _ in 0..<2 {
            clock.advance(by: .milliseconds(1))
            _ = try await one.desk.trigger("a")
        }

        #expect(try await one.settle() == .sleep(.milliseconds(298)))
    }

    @Test func `a new version begins when it goes live, and an archived one ends`() async throws {
        let clock = Clock(1_800_000_000)
        let store = InMemoryStore()
        let one = Instance(store, clock)
        try one.serve(["c": #"{"schedule":"0 0 * * * *"}"#], activatedAt: clock.now)
        _ = try await one.settle()
        clock.advance(by: .seconds(600))
        try one.serve(
            ["c": #"{"schedule":"* * * * * *","misfire_policy":"catch_up"}"#], activatedAt: clock.now, generation: 2)
        clock.advance(by: .seconds(2))
        _ = try await one.settle()
        #expect(try await all(store).map(\.status) == [.claimed, .claimed])

        try one.serve([:], activatedAt: clock.now, generation: 3)
        clock.advance(by: .seconds(60))
        #expect(try await one.settle() == .sleep(.seconds(60)))
        #expect(try await all(store).count == 2)
    }

    @Test func `channels that name one key share its slots`() async throws {
        let clock = Clock(1_800_000_000)
        let store = InMemoryStore()
        let one = Instance(store, clock)
        let shared = #"{"schedule":"* * * * * *","concurrency":{"policy":"forbid","key":"k","slots":2}}"#
        try one.serve(["a": shared, "b": shared, "c": shared], activatedAt: clock.now)
        clock.advance(by: .seconds(1))
        _ = try await one.settle()

        let records = try await all(store)
        #expect(records.count { $0.status == .claimed } == 2 && records.count { $0.status == .skippedSingleton } == 1)
        #expect(Set(records.compactMap(\.slot)) == [0, 1])
    }

    @Test func `what the validation rule refuses has failed, without a run`() async throws {
        let clock = Clock(1_800_000_000)
        let store = InMemoryStore()
        let one = Instance(store, clock)
        try one.serve(
            ["c": everySecond], activatedAt: clock.now,
            config: #"{"validation_logic":{"==":[{"var":"metadata.trigger.type"},"manual"]}}"#)
        clock.advance(by: .seconds(1))
        _ = try await one.settle()

        #expect(try await all(store).map(\.status) == [.failed])
        #expect(try await store.countTraces(TraceFilter()) == 0 && one.queue.bounds.count == 0)
        #expect(try await one.desk.trigger("c").status == .claimed)
    }

    @Test func `runs by hand keep to the rules for overlaps, and can be taken back and run again`() async throws {
        let clock = Clock(1_800_000_000)
        let store = InMemoryStore()
        let one = Instance(store, clock)
        let yearly = #""schedule":"0 0 0 1 1 *""#
        try one.serve(
            [
                "forbid": #"{\#(yearly),"concurrency":{"policy":"forbid"}}"#,
                "queue": #"{\#(yearly),"concurrency":{"policy":"queue","max_queued":1}}"#,
            ], activatedAt: clock.now)
        let first = try await one.desk.trigger("forbid")
        #expect(first.status == .claimed && first.isManual && first.scheduledFor.microseconds % 1_000_000 == 1)
        await #expect(throws: Problem.self) { try await one.desk.trigger("forbid") }
        await #expect(throws: Problem.self) { try await one.desk.trigger("nobody") }

        clock.advance(by: .milliseconds(1))
        let running = try await one.desk.trigger("queue")
        clock.advance(by: .milliseconds(1))
        let waiting = try await one.desk.trigger("queue")
        #expect(running.status == .claimed && waiting.status == .pending)
        await #expect(throws: Problem.self) { try await one.desk.trigger("queue") }
        #expect(try await one.desk.cancel(waiting.id).status == .cancelled)
        await #expect(throws: Problem.self) { try await one.desk.cancel(waiting.id) }
        #expect(try await one.desk.retry(waiting.id).status == .pending)
        _ = try await one.settle()
        #expect(try await store.occurrence(waiting.id)?.status == .pending, "it waits for the one that runs")
        try await one.runAll(store)
        _ = try await one.settle()
        try await one.runAll(store)
        #expect(try await store.occurrence(waiting.id)?.status == .completed)
    }
}
