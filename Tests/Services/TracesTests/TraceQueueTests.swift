import Storage
import Synchronization
import Testing
import Traces
import Vocabulary

@Suite struct TraceQueueTests {
    /// Answers what the test has laid down, and counts.
    private final class Runner: TraceRunning {
        let runs = Mutex<[Identifier]>([])
        let result: RunResult

        init(_ result: RunResult = .completed(result: [1], steps: [])) { self.result = result }

        func run(_ trace: QueuedTrace, attempt: Int, timeout: Duration) async -> RunResult {
            runs.withLock { $0.append(trace.id) }
            return result
        }
    }

    private struct Setup {
        let store = InMemoryStore()
        let disk: UnreliableStore
        let writer: TraceWriter
        let queue: TraceQueue

        init(_ runner: Runner, maxCount: Int = 10, maxRetries: Int = 1) {
            disk = UnreliableStore(store)
            writer = TraceWriter(store: disk, lanes: 1)
            queue = TraceQueue(
                settings: .init(
                    workers: 1, timeout: .seconds(1), retry: RetryPolicy(isEnabled: true, maxRetries: maxRetries),
                    pollInterval: .seconds(1)),
                bounds: QueueBounds(maxCount: maxCount, maxBytes: 1000), instance: "me", store: disk, writer: writer,
                runner: runner)
        }

        /// Hands a trace in, commits, and says what the caller is told.
        func accept(_ trace: QueuedTrace) async -> Problem? {
            let answer = Mutex<Problem?>(Problem(.internalError, "nobody answered"))
            queue.accept(trace, tokenHash: [], lane: 0) { problem in answer.withLock { $0 = problem } }
            _ = await writer.commitOnce()
            return answer.withLock { $0 }
        }
    }

    private func trace() -> QueuedTrace {
        QueuedTrace(
            id: .make(), channelID: "c", channel: "c", input: [1, 2, 3], attempt: 0, epoch: 1,
            createdAt: Timestamp(microseconds: 1))
    }

    @Test func `what is accepted is in the store before its caller hears of it`() async throws {
        let setup = Setup(Runner())
        let trace = trace()

        let problem = await setup.accept(trace)

        #expect(problem == nil)
        #expect(try await setup.store.trace(trace.id)?.status == .pending)
        #expect(setup.queue.bounds.count == 1 && setup.queue.bounds.bytes == 3)
    }

    @Test func `what cannot be stored is refused, and holds no place`() async throws {
        let setup = Setup(Runner())
        setup.disk.isBroken.store(true, ordering: .relaxed)

        let problem = await setup.accept(trace())

        #expect(problem?.code == .unavailable && problem?.retryAfter != nil)
        #expect(setup.queue.bounds.count == 0 && setup.queue.bounds.bytes == 0)
    }

    @Test func `a full queue refuses at once`() async throws {
        let setup = Setup(Runner(), maxCount: 1)
        _ = await setup.accept(trace())

        let problem = await setup.accept(trace())

        #expect(problem?.code == .unavailable && problem?.retryAfter != nil)
        #expect(setup.queue.bounds.count == 1)
    }

    @Test func `a run is settled and gives its place back`() async throws {
        let setup = Setup(Runner())
        let trace = trace()
        _ = await setup.accept(trace)

        await setup.queue.runOnce(trace, lane: 0)
        #expect(setup.queue.isRunning(trace.id))
        _ = await setup.writer.commitOnce()

        let done = try await setup.store.trace(trace.id)
        #expect(done?.status == .completed && done?.result == [1] && done?.attempt == 1)
        #expect(!setup.queue.isRunning(trace.id) && setup.queue.bounds.count == 0)
    }

    @Test func `a failure waits for its retry, then is a dead letter`() async throws {
        let setup = Setup(Runner(.failed(Problem(.engine, "no"), isRetryable: true, steps: [])))
        var trace = trace()
        _ = await setup.accept(trace)

        await setup.queue.runOnce(trace, lane: 0)
        _ = await setup.writer.commitOnce()
        let waiting = try await setup.store.trace(trace.id)
        let leased = try await setup.store.lease(
            limit: 1, owner: "me", patience: .zero, now: .now() + .seconds(3600), unserved: [])
        trace.attempt = leased.first?.attempt ?? 0
        trace.epoch = leased.first?.epoch ?? 0
        await setup.queue.runOnce(trace, lane: 0)
        _ = await setup.writer.commitOnce()
        let dead = try await setup.store.trace(trace.id)

        #expect(waiting?.status == .pending && waiting?.owner == "" && waiting?.input == [1, 2, 3])
        #expect(dead?.isDead == true && dead?.status == .failed && dead?.attempt == 2 && dead?.errorMessage == "no")
    }

    @Test func `an end the disk did not take is handed in again, and the work is not done twice`() async throws {
        let runner = Runner()
        let setup = Setup(runner)
        let trace = trace()
        _ = await setup.accept(trace)

        setup.disk.isBroken.store(true, ordering: .relaxed)
        await setup.queue.runOnce(trace, lane: 0)
        _ = await setup.writer.commitOnce()
        let held = setup.queue.bounds.count
        setup.queue.resettleOnce()
        _ = await setup.writer.commitOnce()
        setup.disk.isBroken.store(false, ordering: .relaxed)
        setup.queue.resettleOnce()
        _ = await setup.writer.commitOnce()

        #expect(held == 1)
        #expect(try await setup.store.trace(trace.id)?.status == .completed)
        #expect(setup.queue.bounds.count == 0 && !setup.queue.isRunning(trace.id))
        #expect(runner.runs.withLock { $0.count } == 1)
    }

    @Test func `work of a process that died is leased and counted`() async throws {
        let setup = Setup(Runner())
        let record = TraceRecord(
            id: .make(), channelID: "c", channel: "c", mode: .async, status: .pending, input: [1, 2], owner: "dead",
            epoch: 1, dueAt: Timestamp(microseconds: 1), createdAt: Timestamp(microseconds: 1))
        _ = try await setup.store.write(inserts: [record], settlements: [])

        await setup.queue.countBacklogOnce()
        let before = setup.queue.bounds.totalCount
        let leased = await setup.queue.rescueOnce()
        await setup.queue.countBacklogOnce()

        #expect(before == 1 && leased == 1)
        #expect(setup.queue.bounds.count == 1 && setup.queue.bounds.totalCount == 1)
        #expect(try await setup.store.trace(record.id)?.owner == "me")
    }

    @Test func `a run that ends the process each time is given up as a dead letter`() async throws {
        let store = InMemoryStore()
        let runner = Runner()
        func process(_ name: String) -> (queue: TraceQueue, writer: TraceWriter) {
            let writer = TraceWriter(store: store, lanes: 1)
            let queue = TraceQueue(
                settings: .init(
                    workers: 1, timeout: .seconds(1), retry: RetryPolicy(isEnabled: true, maxRetries: 1),
                    pollInterval: .seconds(1)),
                bounds: QueueBounds(maxCount: 10, maxBytes: 1000), instance: name, store: store, writer: writer,
                runner: runner)
            return (queue, writer)
        }
        let trace = trace()
        let first = process("0")
        first.queue.accept(trace, tokenHash: [], lane: 0) { _ in }
        _ = await first.writer.commitOnce()
        await first.queue.runOnce(trace, lane: 0)  // and dies before its end is on disk

        for round in 1...4 {
            let next = process("\(round)")
            let leased = try await store.lease(limit: 10, owner: "\(round)", patience: .zero, now: .now(), unserved: [])
            for record in leased {
                await next.queue.runOnce(
                    QueuedTrace(
                        id: record.id, channelID: "c", channel: "c", input: record.input, attempt: record.attempt,
                        epoch: record.epoch, createdAt: record.createdAt), lane: 0)
            }
            let seen = try await store.trace(trace.id)
            if round < 3 {
                #expect(seen?.status == .running, "round \(round)")  // dies here too
            } else {
                _ = await next.writer.commitOnce()
            }
        }

        let ended = try await store.trace(trace.id)
        #expect(ended?.isDead == true && ended?.status == .failed && ended?.input == [1, 2, 3])
        #expect(ended?.errorMessage.contains("2 times") == true, "\(ended?.errorMessage ?? "")")
        #expect(runner.runs.withLock { $0.count } == 3)
    }
}
