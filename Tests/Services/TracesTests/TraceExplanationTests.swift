import Storage
import Testing
import Traces
import Vocabulary

/// Every state a trace can be in, from its record and what the instance is doing.
@Suite struct TraceExplanationTests {
    private static let now = Timestamp(microseconds: 1_000_000_000)

    private static func record(
        _ status: TraceStatus, attempt: Int = 0, mode: TraceMode = .async, dead: Bool = false, owner: String = "me",
        due: Duration = .zero, error: String = ""
    ) -> TraceRecord {
        TraceRecord(
            id: .make(), channelID: "c", channel: "c", mode: mode, status: status, errorMessage: error,
            attempt: attempt, isDead: dead, owner: owner, epoch: 3, dueAt: now + due, createdAt: now)
    }

    private static func facts(
        running: Bool = false, served: Bool = true, waiting: Int = 5, active: Int = 2, retries: Int = 5,
        isEnabled: Bool = true, failed: TraceExplanation.FailedTask? = nil
    ) -> TraceExplanation.Facts {
        TraceExplanation.Facts(
            now: now, isRunning: running, isChannelServed: served,
            queue: QueueFacts(
                instance: "me", waiting: waiting, capacity: 10, workers: 2, activeWorkers: active,
                retry: RetryPolicy(isEnabled: isEnabled, maxRetries: retries), timeout: .seconds(60)),
            failedTask: failed)
    }

    private static func failed(_ code: String, breaker: String? = nil) -> TraceExplanation.FailedTask {
        TraceExplanation.FailedTask(
            task: "ask", function: "http_call", connector: "crm", code: code, message: "nobody", breaker: breaker)
    }

    @Test func `the record and the moment decide the state`() {
        let table: [(TraceRecord, TraceExplanation.Facts, TraceExplanation.State)] = [
            (Self.record(.pending), Self.facts(), .queued),
            (Self.record(.pending, owner: ""), Self.facts(), .queued),
            (Self.record(.pending, owner: "gone"), Self.facts(), .abandoned),
            (Self.record(.pending), Self.facts(running: true), .running),
            (Self.record(.pending, attempt: 2, due: .seconds(9)), Self.facts(running: true), .running),
            (Self.record(.pending, attempt: 2, due: .seconds(9)), Self.facts(), .retryScheduled),
            (Self.record(.pending, attempt: 2, due: .seconds(-9)), Self.facts(), .retryDue),
            (Self.record(.completed, attempt: 1), Self.facts(), .completed),
            (Self.record(.completed, attempt: 1), Self.facts(failed: Self.failed("HTTP_ERROR")), .completedWithErrors),
            (Self.record(.failed, attempt: 1), Self.facts(), .failed),
            (Self.record(.failed, attempt: 1, mode: .sync), Self.facts(), .failed),
            (Self.record(.failed, attempt: 6, dead: true), Self.facts(), .deadLetter),
        ]
        for (record, facts, state) in table {
            let explanation = TraceExplanation(record, facts)
            #expect(explanation.state == state)
            #expect(explanation.summary.hasSuffix(".") && !explanation.summary.isEmpty)
            let waits = state == .retryScheduled || state == .retryDue
            #expect((explanation.nextAttemptAt == record.dueAt) == waits)
        }
        #expect(Set(table.map(\.2)) == Set(TraceExplanation.State.allCases))
    }

    @Test func `what waits is told how much is before it and how busy the workers are`() {
        let full = TraceExplanation(Self.record(.pending), Self.facts(waiting: 10))

        #expect(full.summary.contains("at most 7 are ahead"))
        #expect(full.reasons.contains("2 of 2 workers are busy."))
        #expect(full.nextSteps.contains { $0.contains("queue.buffer_size") })
        #expect(full.attempts == 0 && full.maxAttempts == 6)
    }

    @Test func `a failed task is named with its function, connector and circuit`() {
        let open = TraceExplanation(
            Self.record(.pending, attempt: 2, due: .seconds(3), error: "Task `ask` failed: nobody"),
            Self.facts(failed: Self.failed("circuit_open", breaker: "open")))

        #expect(open.summary.contains("2 attempts") && open.summary.contains("in 3.0 s"))
        #expect(open.reasons.contains { $0.contains("`ask` (http_call through the connector `crm`)") })
        #expect(open.reasons.contains { $0.contains("circuit of `crm` is open") })
        #expect(open.reasons.contains { $0.hasPrefix("4 attempts are left") })
        #expect(open.nextSteps.contains { $0.contains("circuit closes") })
        #expect(!open.reasons.contains("Task `ask` failed: nobody"), "it is said once")
    }

    @Test(arguments: ["circuit_open", "IO_ERROR", "TIMEOUT_ERROR_CALL", "HTTP_ERROR", "TIMEOUT_ERROR", "LOGIC_ERROR"])
    func `every usual cause comes with something to do`(code: String) {
        let explanation = TraceExplanation(
            Self.record(.failed, attempt: 6, dead: true), Self.facts(failed: Self.failed(code)))

        #expect(explanation.nextSteps.count >= 2)
        #expect(explanation.nextSteps.contains { $0.contains("weir dead-letters requeue") })
    }

    @Test func `an end that no task brought about is told as it was`() {
        let late = TraceExplanation(
            Self.record(.pending, attempt: 1, due: .seconds(1), error: "The time was up."),
            Self.facts(served: false, failed: Self.failed("HTTP_ERROR")))

        #expect(late.reasons.contains("The time was up."))
        #expect(late.reasons.contains { $0.contains("is not served now") })
    }

    @Test func `without retries one attempt is all there is`() {
        let dead = TraceExplanation(Self.record(.failed, attempt: 1, dead: true), Self.facts(isEnabled: false))
        let sync = TraceExplanation(Self.record(.failed, attempt: 1, mode: .sync), Self.facts())

        #expect(dead.maxAttempts == 1 && dead.reasons.contains { $0.contains("switched off") })
        #expect(sync.maxAttempts == 1 && sync.reasons.contains { $0.contains("not repeated") })
    }
}
