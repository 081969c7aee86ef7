package import Storage
package import Vocabulary

/// Why a trace waits, was tried again or failed, and what to do: decided from its record and from what this instance is
/// doing, without looking anywhere itself.
package struct TraceExplanation: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        /// Accepted; waits for a worker.
        case queued
        /// Failed before; waits until it is due again.
        case retryScheduled = "retry_scheduled"
        /// Due, and waits for the next look at the table.
        case retryDue = "retry_due"
        /// The instance that held it is gone; another takes it over.
        case abandoned
        case running
        case completed
        /// Ran to its end although tasks failed on the way.
        case completedWithErrors = "completed_with_errors"
        /// Not tried again: the same input would fail the same way, or the caller was told at once.
        case failed
        /// Used up its attempts and waits for an operator.
        case deadLetter = "dead_letter"
    }

    /// The task that a run ended with.
    package struct FailedTask: Sendable, Equatable {
        package var task: String
        package var function: String
        package var connector: String?
        package var code: String
        package var message: String
        /// The breaker between the channel and the connector: `closed`, `open`, `half_open`.
        package var breaker: String?

        package init(
            task: String, function: String, connector: String?, code: String, message: String, breaker: String?
        ) {
            self.task = task
            self.function = function
            self.connector = connector
            self.code = code
            self.message = message
            self.breaker = breaker
        }
    }

    /// What the instance that is asked knows besides the record.
    package struct Facts: Sendable {
        package var now: Timestamp
        package var isRunning: Bool
        package var isChannelServed: Bool
        package var queue: QueueFacts
        package var failedTask: FailedTask?

        package init(
            now: Timestamp, isRunning: Bool, isChannelServed: Bool, queue: QueueFacts, failedTask: FailedTask?
        ) {
            self.now = now
            self.isRunning = isRunning
            self.isChannelServed = isChannelServed
            self.queue = queue
            self.failedTask = failedTask
        }
    }

    package let state: State
    /// Attempts that have been made, and how many there may be.
    package let attempts: Int
    package let maxAttempts: Int
    package let nextAttemptAt: Timestamp?
    package let failedTask: FailedTask?
    /// One sentence for the head of a page.
    package private(set) var summary = ""
    package private(set) var reasons: [String] = []
    package private(set) var nextSteps: [String] = []

    package init(_ record: TraceRecord, _ facts: Facts) {
        state = Self.state(record, facts)
        attempts = record.attempt + (state == .running ? 1 : 0)
        let mayRetry = record.mode == .async && facts.queue.retry.isEnabled
        maxAttempts = mayRetry ? facts.queue.retry.maxRetries + 1 : 1
        nextAttemptAt = state == .retryScheduled || state == .retryDue ? record.dueAt : nil
        failedTask = state == .completed ? nil : facts.failedTask
        tell(record, facts)
    }

    private static func state(_ record: TraceRecord, _ facts: Facts) -> State {
        switch record.status {
        case .completed: return facts.failedTask == nil ? .completed : .completedWithErrors
        case .failed: return record.isDead ? .deadLetter : .failed
        case .pending, .running:
            if facts.isRunning { return .running }
            if record.attempt > 0 { return record.dueAt > facts.now ? .retryScheduled : .retryDue }
            return record.owner == facts.queue.instance || record.owner.isEmpty ? .queued : .abandoned
        }
    }

    // MARK: In words

    private mutating func tell(_ record: TraceRecord, _ facts: Facts) {
        switch state {
        case .queued: tellQueued(facts.queue)
        case .abandoned:
            summary = "It waits: the instance that accepted it is gone, and this one takes it over."
            reasons.append("It is held by `\(record.owner)` under epoch \(record.epoch), which does not run any more.")
            nextSteps.append("Nothing: waiting work is leased within seconds while the queue has room.")
            tellRoom(facts.queue)
        case .running:
            summary = "It is running now: attempt \(attempts) of at most \(maxAttempts)."
            reasons.append("A run may take at most \(Self.text(facts.queue.timeout)); then it ends as a timeout.")
        case .retryScheduled:
            summary =
                "It failed \(Self.times(record.attempt)) and is tried again at \(record.dueAt.rfc3339), "
                + "in \(Self.text(record.dueAt - facts.now))."
            tellFailure(record, facts)
            reasons.append(
                "Pauses double from \(Self.text(facts.queue.retry.backoff.base)) up to "
                    + "\(Self.text(facts.queue.retry.backoff.cap)), with jitter.")
            tellAttemptsLeft(record)
        case .retryDue:
            summary =
                "It failed \(Self.times(record.attempt)) and is due to be tried again since \(record.dueAt.rfc3339)."
            tellFailure(record, facts)
            tellRoom(facts.queue)
            tellAttemptsLeft(record)
        case .completed:
            summary = "It completed" + (record.attempt > 1 ? ", at attempt \(record.attempt)." : ".")
        case .completedWithErrors:
            summary = "It completed, although a task failed on the way and was let pass."
            tellTask()
            nextSteps.append("Take `continue_on_error` off the task if the run should fail with it.")
        case .failed:
            summary = "It failed and is not tried again."
            tellFailure(record, facts)
            reasons.append(
                record.mode == .sync
                    ? "A synchronous call is not repeated: its caller was told."
                    : "The same input would fail in the same way, so no attempt is spent on it.")
            nextSteps.append(
                record.mode == .sync
                    ? "Send the call again when the cause is gone."
                    : "Correct the cause and send the call again.")
        case .deadLetter:
            summary = "It is a dead letter: \(Self.times(record.attempt)) failed, and no attempt is left."
            tellFailure(record, facts)
            if !facts.queue.retry.isEnabled { reasons.append("Retries are switched off (queue.dlq_retry_enabled).") }
            nextSteps.append("When the cause is gone, run it again: weir dead-letters requeue \(record.id)")
        }
    }

    private mutating func tellQueued(_ queue: QueueFacts) {
        let ahead = max(0, queue.waiting - queue.activeWorkers - 1)
        summary = "It waits for a worker; at most \(ahead) are ahead of it."
        reasons.append("\(queue.activeWorkers) of \(queue.workers) workers are busy.")
        if queue.activeWorkers >= queue.workers {
            nextSteps.append("If this lasts, raise queue.workers, or make the runs shorter.")
        }
        tellRoom(queue)
    }

    private mutating func tellRoom(_ queue: QueueFacts) {
        reasons.append("The queue holds \(queue.waiting) of at most \(queue.capacity) runs.")
        if queue.waiting >= queue.capacity {
            nextSteps.append("The queue is full, and nothing more is leased: raise queue.buffer_size, or add workers.")
        }
    }

    private mutating func tellFailure(_ record: TraceRecord, _ facts: Facts) {
        let isTold = failedTask.map { record.errorMessage.contains($0.message) } ?? record.errorMessage.isEmpty
        if !isTold { reasons.append(record.errorMessage) }
        tellTask()
        if !facts.isChannelServed {
            reasons.append("The channel `\(record.channel)` is not served now.")
            nextSteps.append("Activate the channel, or look at /health for why it cannot be served.")
        }
    }

    private mutating func tellTask() {
        guard let failed = failedTask else { return }
        let connector = failed.connector.map { " through the connector `\($0)`" } ?? ""
        reasons.append(
            "The task `\(failed.task)` (\(failed.function)\(connector)) failed with \(failed.code): \(failed.message)")
        if let connector = failed.connector, failed.breaker == "open" {
            reasons.append("The circuit of `\(connector)` is open now: calls through it are refused at once.")
        }
        if let advice = Self.advice(failed) { nextSteps.append(advice) }
    }

    private static func advice(_ failed: FailedTask) -> String? {
        let connector = failed.connector ?? ""
        switch failed.code {
        case "circuit_open":
            return "See that what `\(connector)` leads to is well; the circuit closes by itself after a call succeeds."
        case "IO_ERROR", "TIMEOUT_ERROR_CALL":
            return "See whether what `\(connector)` leads to answers: POST /api/v1/admin/connectors/{id}/test"
        case "HTTP_ERROR": return "Look at what `\(connector)` answered; the call was understood and refused."
        case "TIMEOUT_ERROR": return "Raise the channel's timeout_ms, or make the task shorter."
        case "LOGIC_ERROR", "VALIDATION_ERROR", "DESERIALIZATION_ERROR":
            return "Try the workflow on this input: POST /api/v1/admin/workflows/{id}/test, or weir test."
        default: return nil
        }
    }

    private mutating func tellAttemptsLeft(_ record: TraceRecord) {
        let left = max(0, maxAttempts - record.attempt)
        reasons.append(
            "\(left == 1 ? "One attempt is" : "\(left) attempts are") left; then it is a dead letter.")
    }

    private static func times(_ count: Int) -> String { count == 1 ? "one attempt" : "\(count) attempts" }

    private static func text(_ duration: Duration) -> String {
        let milliseconds = max(0, duration.wholeMilliseconds)
        return milliseconds < 1000 ? "\(milliseconds) ms" : "\(Double(milliseconds / 100) / 10) s"
    }
}

/// How the queue of one instance stands, and by which rules it works.
package struct QueueFacts: Sendable {
    package var instance: String
    /// Accepted runs that are not done, those that run among them.
    package var waiting: Int
    package var capacity: Int
    package var workers: Int
    package var activeWorkers: Int
    package var retry: RetryPolicy
    /// The longest a run may take.
    package var timeout: Duration

    package init(
        instance: String, waiting: Int, capacity: Int, workers: Int, activeWorkers: Int, retry: RetryPolicy,
        timeout: Duration
    ) {
        self.instance = instance
        self.waiting = waiting
        self.capacity = capacity
        self.workers = workers
        self.activeWorkers = activeWorkers
        self.retry = retry
        self.timeout = timeout
    }
}
