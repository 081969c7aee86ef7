import ConnectionPooling
import Vocabulary

/// What is heard on a channel.
package enum PostgresNotification: Sendable, Equatable {
    /// From now on messages arrive. Some may have been missed before: look for what there is.
    case listening
    /// A payload, of whoever sent `NOTIFY`.
    case message(String)
    /// Nothing can be heard, and why; said each time a try fails. Tries go on by themselves.
    case deaf(String)
}

/// Listens on one channel, on a connection of its own, and opens it again when it is lost.
actor PostgresListener {
    private nonisolated let id: UInt64
    private nonisolated let thread: EventThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private let target: PostgresTarget
    private let limits: PoolLimits
    private let channel: String
    private let continuation: AsyncStream<PostgresNotification>.Continuation
    private var connection: PostgresConnection?
    private var isOpening = false
    private var hasEnded = false
    private var failures = 0
    private var nextTry: UInt64 = 0
    private var nextCheck = UInt64.max
    private var lastReason: String?
    private static let backoff = Backoff(base: .milliseconds(50), cap: .seconds(2))
    /// A pooler is not replaced by a server from one moment to the next.
    private static let pauseBehindPooler: UInt64 = 60_000_000_000
    /// Messages that nobody has taken; when there are more, the oldest go and ``PostgresNotification/listening`` says so.
    static let mostWaiting = 1024

    init(
        id: UInt64, thread: EventThread, target: PostgresTarget, limits: PoolLimits, channel: String,
        continuation: AsyncStream<PostgresNotification>.Continuation
    ) {
        self.id = id
        self.thread = thread
        self.target = target
        self.limits = limits
        self.channel = channel
        self.continuation = continuation
    }

    func end() {
        hasEnded = true
        connection?.assumeIsolated { $0.close() }
        connection = nil
        continuation.finish()
    }

    func ready() { connection?.assumeIsolated { $0.ready() } }

    /// - Returns: when it wants to be asked again.
    func tick(at now: UInt64) -> UInt64 {
        guard !hasEnded, !isOpening else { return .max }
        if let connection {
            if now >= nextCheck {
                // An empty batch: no answer in time, and the connection counts as lost.
                nextCheck = now + limits.rest
                connection.assumeIsolated { $0.send([]) { _ in } }
            }
            return min(nextCheck, connection.assumeIsolated { $0.tick(at: now) })
        }
        guard now >= nextTry else { return nextTry }
        isOpening = true
        PostgresOpening.open(target, limits) { [thread] result in
            thread.perform { self.assumeIsolated { $0.opened(result) } }
        }
        return .max
    }

    private func opened(_ result: Result<PostgresOpening.Link, PostgresFailure>) {
        isOpening = false
        guard !hasEnded else { return PostgresOpening.discard(result) }
        switch result {
        case .failure(let failure): becomeDeaf(failure.message)
        case .success(let link) where link.isPooled:
            PostgresOpening.discard(result)
            becomeDeaf(
                "A connection pooler stands before PostgreSQL; LISTEN needs a session of its own.",
                pause: Self.pauseBehindPooler)
        case .success(let link):
            let made = PostgresConnection(
                id: id, link: link, thread: thread, limits: limits,
                onLoss: { [thread, weak self] _ in
                    thread.perform { [weak self] in self?.assumeIsolated { $0.lost() } }
                })
            connection = made
            let name = channel.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
            made.assumeIsolated { made in
                made.hear { [weak self] text in self?.assumeIsolated { $0.tell(.message(text)) } }
                made.send([PostgresStatement("LISTEN \"\(name)\"")]) { [weak self] outcome in
                    self?.assumeIsolated { $0.listens(outcome) }
                }
            }
        }
    }

    private func listens(_ outcome: PostgresConnection.Outcome) {
        switch outcome {
        case .success:
            failures = 0
            nextCheck = Stopwatch.nanoseconds() + limits.rest
            thread.tick(noLaterThan: nextCheck)
            tell(.listening)
        case .failure(let failure):
            lastReason = failure.message
            thread.perform { self.assumeIsolated { $0.connection?.assumeIsolated { $0.close() } } }
        }
    }

    private func lost() {
        guard !hasEnded, let connection else { return }
        let reason = lastReason ?? connection.assumeIsolated { $0.lastFailure?.message }
        self.connection = nil
        lastReason = nil
        becomeDeaf(reason ?? "The connection to PostgreSQL was lost.")
    }

    private func becomeDeaf(_ reason: String, pause: UInt64? = nil) {
        failures += 1
        let delay = Self.backoff.delay(afterAttempt: failures, draw: .random(in: 0..<1))
        nextTry = Stopwatch.nanoseconds() + (pause ?? UInt64(delay.wholeMilliseconds) * 1_000_000)
        nextCheck = .max
        thread.tick(noLaterThan: nextTry)
        tell(.deaf(reason))
    }

    private func tell(_ notification: PostgresNotification) {
        guard case .dropped = continuation.yield(notification) else { return }
        continuation.yield(.listening)
    }
}
