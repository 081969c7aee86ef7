package import ConnectionPooling
package import Storage
import Synchronization
import Vocabulary

/// A bounded number of connections to one PostgreSQL, opened when they are wanted and again when they are lost.
///
/// Between us and the server may be a pooler that gives each transaction another session, such as PgBouncer: each connection
/// finds out by itself, and then keeps no session state. Everything here runs on one thread.
package actor PostgresPool {
    nonisolated let thread: EventThread
    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
    private nonisolated let shared = Mutex(PoolFigures())
    /// As of a moment ago; from anywhere.
    package nonisolated var figures: PoolFigures { shared.withLock { $0 } }

    let target: PostgresTarget
    nonisolated let limits: PoolLimits
    private var book: PoolBook
    private(set) var connections: [UInt64: PostgresConnection] = [:]
    private var listeners: [UInt64: PostgresListener] = [:]
    private var seats: [UInt64: CheckedContinuation<UInt64?, Never>] = [:]
    nonisolated let inbox = ReadInbox()
    nonisolated let nextRead = Atomic<UInt64>(0)
    var grouping = ReadGrouping()
    var isSendingReads = false
    /// Where reads went last, and how many messages of them are there. The next behind one find the server awake.
    var readMember: PoolBook.Preference?
    /// The ticket of the seat that reads wait for.
    var readSeat: UInt64?
    private var lastTicket: UInt64 = 0
    private var lastMember: UInt64 = 0
    private(set) var lastFailure = PostgresFailure.busy
    private(set) var isClosed = false
    /// How often work that the server undid is tried again.
    static let mostTries = 6

    /// - Parameter url: of a database of ours, which is written to.
    package init(url: String, limits: PoolLimits = PoolLimits()) { self.init(PostgresTarget(url), limits: limits) }

    package init(_ target: PostgresTarget, limits: PoolLimits = PoolLimits()) {
        self.target = target
        self.limits = limits
        book = PoolBook(limits)
        let place = PoolReference()
        thread = EventThread(
            name: "weir-postgres", tick: { now in place.pool?.assumeIsolated { $0.tick(at: now) } ?? .max },
            ready: { name in place.pool?.assumeIsolated { $0.ready(name) } })
        place.pool = self
        thread.start()
    }

    deinit { thread.stop() }

    // MARK: Working

    /// Runs statements in one transaction and one round trip; others may share the connection. Serialisation failures and
    /// deadlocks are tried again.
    ///
    /// A caller that is cancelled gets `unavailable` at once; what it sent may still be done.
    /// - Parameter canRepeat: running it twice does what running it once does: it is also tried again after a loss.
    /// - Returns: the answer of each statement.
    @discardableResult
    package func run(
        _ statements: [PostgresStatement], canRepeat: Bool = false
    ) async throws(StorageFailure) -> [PostgresTable] {
        var tries = 0
        while true {
            let connection = try await ourSeat(isExclusive: false)
            let outcome = await connection.run(statements, isWhole: true, endsOnCancellation: false)
            release(connection.id)
            switch outcome {
            case .success(let tables): return tables
            case .failure(let failure):
                let isWorthIt = failure.wasUndone || canRepeat && failure.endsConnection
                try await ourPause(after: failure, isWorthIt: isWorthIt, &tries)
            }
        }
    }

    /// Everything in `body` or nothing, on a connection of its own. After a serialisation failure or a deadlock `body` is
    /// run again from its beginning: it must change nothing else. Cancelling the task stops the statement on the server.
    package func transaction<Result: Sendable>(
        _ body: @Sendable (PostgresTransaction) async throws(StorageFailure) -> Result
    ) async throws(StorageFailure) -> Result {
        var tries = 0
        while true {
            let connection = try await ourSeat(isExclusive: true)
            let failure: PostgresFailure
            do throws(StorageFailure) {
                let transaction = PostgresTransaction(connection: connection)
                await connection.begin()
                let result = try await body(transaction)
                let commit = await connection.run(
                    [PostgresStatement("COMMIT")], isWhole: false, endsOnCancellation: false)
                switch commit {
                case .success(let tables) where tables.last?.isCommit == true:
                    release(connection.id)
                    return result
                case .success:
                    throw .broken("A statement of the transaction failed, and its failure was passed over.")
                case .failure(let reason): throw reason.storage
                }
            } catch {
                let reason = await connection.lastFailure
                _ = await connection.run(
                    [PostgresStatement("ROLLBACK")], isWhole: false, endsOnCancellation: true)
                release(connection.id)
                guard let reason, reason.storage == error else { throw error }
                failure = reason
            }
            try await ourPause(after: failure, isWorthIt: failure.wasUndone, &tries)
        }
    }

    /// Ends every connection; what waits or is under way is told so.
    package func close() {
        isClosed = true
        lastFailure = .closed
        for connection in connections.values { connection.assumeIsolated { $0.close() } }
        connections = [:]
        for listener in listeners.values { listener.assumeIsolated { $0.end() } }
        listeners = [:]
        for (ticket, _) in seats { perform(book.withdraw(ticket, at: Stopwatch.nanoseconds())) }
        if let readSeat { perform(book.withdraw(readSeat, at: Stopwatch.nanoseconds())) }
        sendReads()
    }

    // MARK: Seats

    private func ourSeat(isExclusive: Bool) async throws(StorageFailure) -> PostgresConnection {
        do throws(PostgresFailure) { return try await seat(isExclusive: isExclusive) } catch { throw error.storage }
    }

    /// - Parameter deadline: nil for as long as the limits say.
    func seat(isExclusive: Bool, until deadline: UInt64? = nil) async throws(PostgresFailure) -> PostgresConnection {
        guard !isClosed else { throw .closed }
        lastTicket += 1
        let ticket = lastTicket
        let askedAt = Stopwatch.nanoseconds()
        let member = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                seats[ticket] = continuation
                perform(book.ask(ticket, isExclusive: isExclusive, at: askedAt, until: deadline))
                if Task.isCancelled { withdraw(ticket) }
            }
        } onCancel: {
            thread.perform { self.assumeIsolated { $0.withdraw(ticket) } }
        }
        let waited = Stopwatch.nanoseconds() - askedAt
        guard let member else {
            noteRefused(1, waited: waited)
            throw lastFailure
        }
        noteGranted(1, waited: waited)
        guard let connection = connections[member] else {
            release(member)
            throw lastFailure
        }
        return connection
    }

    /// Asks for a connection for reads; see ``sendReads(on:)`` and ``refuseReads()``.
    func askForReads(until deadline: UInt64, at now: UInt64, preferring preferred: PoolBook.Preference?) {
        lastTicket += 1
        readSeat = lastTicket
        perform(book.ask(lastTicket, isExclusive: false, at: now, until: deadline, preferring: preferred))
    }

    func noteGranted(_ count: Int, waited: UInt64) {
        shared.withLock {
            $0.granted += count
            $0.waitedNanoseconds += waited
        }
    }

    func noteRefused(_ count: Int, waited: UInt64) {
        shared.withLock {
            $0.refused += count
            $0.waitedNanoseconds += waited
        }
    }

    func release(_ member: UInt64) { perform(book.released(member, at: Stopwatch.nanoseconds())) }

    private func withdraw(_ ticket: UInt64) { perform(book.withdraw(ticket, at: Stopwatch.nanoseconds())) }

    private func perform(_ actions: [PoolBook.Action]) {
        for action in actions {
            switch action {
            case .grant(let ticket, let member) where ticket == readSeat: sendReads(on: member)
            case .refuse(let ticket) where ticket == readSeat: refuseReads()
            case .grant(let ticket, let member): seats.removeValue(forKey: ticket)?.resume(returning: member)
            case .refuse(let ticket): seats.removeValue(forKey: ticket)?.resume(returning: nil)
            case .open: open()
            case .close(let id): connections.removeValue(forKey: id)?.assumeIsolated { $0.close() }
            case .check(let id): check(id)
            }
        }
        thread.tick(noLaterThan: book.nextTick)
        // One seat is asked for however many reads wait for it.
        let reads = readSeat == nil ? 0 : max(0, inbox.count - 1)
        let (open, idle, waiting) = (connections.count, book.idle, book.waiting + reads)
        shared.withLock {
            $0.open = open
            $0.idle = idle
            $0.waiting = waiting
        }
    }

    private func open() {
        PostgresOpening.open(target, limits) { [thread, weak self] result in
            thread.perform { [weak self] in
                guard let self else { return PostgresOpening.discard(result) }
                self.assumeIsolated { $0.opened(result) }
            }
        }
    }

    private func opened(_ result: Result<PostgresOpening.Link, PostgresFailure>) {
        let now = Stopwatch.nanoseconds()
        guard !isClosed else { return PostgresOpening.discard(result) }
        switch result {
        case .success(let link):
            lastMember += 1
            let id = lastMember
            connections[id] = PostgresConnection(
                id: id, link: link, thread: thread, limits: limits,
                // Told afterwards: the loss may come while the pool itself sends.
                onLoss: { [thread, weak self] id in
                    thread.perform { [weak self] in self?.assumeIsolated { $0.lost(id) } }
                })
            shared.withLock { $0.opened += 1 }
            lastFailure = .busy
            perform(book.opened(id, at: now, spread: .random(in: 0...1)))
        case .failure(let failure):
            shared.withLock { $0.failedToOpen += 1 }
            lastFailure = failure
            perform(book.openFailed(at: now, jitter: .random(in: 0...1), isHopeless: failure.isHopeless))
        }
    }

    func lost(_ id: UInt64) {
        guard connections.removeValue(forKey: id) != nil else { return }
        shared.withLock { $0.lost += 1 }
        perform(book.lost(id, at: Stopwatch.nanoseconds()))
    }

    /// A round trip with nothing in it. When it fails, the connection says itself that it is lost.
    private func check(_ id: UInt64) {
        connections[id]?.assumeIsolated { connection in
            connection.send([]) { [thread, weak self] _ in
                thread.perform { [weak self] in
                    self?.assumeIsolated { $0.perform($0.book.checked(id, at: Stopwatch.nanoseconds())) }
                }
            }
        }
    }

    private func ready(_ name: UInt64) {
        if let connection = connections[name] { return connection.assumeIsolated { $0.ready() } }
        listeners[name]?.assumeIsolated { $0.ready() }
    }

    private func tick(at now: UInt64) -> UInt64 {
        perform(book.tick(at: now))
        sendReads()
        let silence = connections.values.map { $0.assumeIsolated { $0.tick(at: now) } }.min() ?? .max
        let listening = listeners.values.map { $0.assumeIsolated { $0.tick(at: now) } }.min() ?? .max
        return min(silence, listening, book.nextTick)
    }

    // MARK: Retrying and listening

    /// 2 ms, twice as much each time, half of it by chance: those that met must not meet again.
    func pause(after failure: PostgresFailure, isWorthIt: Bool, _ tries: inout Int) async throws(PostgresFailure) {
        tries += 1
        guard isWorthIt, tries < Self.mostTries, !isClosed, !Task.isCancelled else { throw failure }
        shared.withLock { $0.retries += 1 }
        let most = Duration.milliseconds(2 << tries)
        // Cut short by cancellation, the next try says so.
        try? await Task.sleep(for: most * Double.random(in: 0.5...1))
    }

    func ourPause(
        after failure: PostgresFailure, isWorthIt: Bool, _ tries: inout Int
    ) async throws(StorageFailure) {
        do throws(PostgresFailure) { try await pause(after: failure, isWorthIt: isWorthIt, &tries) } catch {
            throw error.storage
        }
    }

    func listen(_ channel: String, _ continuation: AsyncStream<PostgresNotification>.Continuation) {
        guard !isClosed else { return continuation.finish() }
        lastMember += 1
        let id = lastMember
        listeners[id] = PostgresListener(
            id: id, thread: thread, target: target, limits: limits, channel: channel, continuation: continuation)
        continuation.onTermination = { [thread, weak self] _ in
            thread.perform { [weak self] in
                self?.assumeIsolated { $0.listeners.removeValue(forKey: id)?.assumeIsolated { $0.end() } }
            }
        }
        thread.tick(noLaterThan: 0)
    }
}

/// Lets the thread find the pool without keeping it.
private final class PoolReference: Sendable {
    private struct Weak: Sendable { weak var pool: PostgresPool? }
    private let weak = Mutex(Weak())

    var pool: PostgresPool? {
        get { weak.withLock { $0.pool } }
        set { weak.withLock { $0.pool = newValue } }
    }
}
