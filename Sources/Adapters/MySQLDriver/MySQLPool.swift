package import ConnectionPooling
import Synchronization
import Vocabulary

/// A bounded number of connections to one MySQL or MariaDB, opened when they are wanted and again when they are lost.
/// Everything here runs on one thread. A connection does one thing at a time: whoever has it has it alone.
package actor MySQLPool {
    private nonisolated let thread: EventThread
    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
    private nonisolated let shared = Mutex(PoolFigures())
    /// As of a moment ago; from anywhere.
    package nonisolated var figures: PoolFigures { shared.withLock { $0 } }

    package nonisolated let limits: PoolLimits
    private let opening: MySQLOpening
    private var book: PoolBook
    private var connections: [UInt64: MySQLConnection] = [:]
    private var seats: [UInt64: CheckedContinuation<UInt64?, Never>] = [:]
    private var lastTicket: UInt64 = 0
    private var lastMember: UInt64 = 0
    private var lastFailure = MySQLPool.noneFree
    private var isClosed = false

    private static let noneFree = MySQLFailure.lost("No connection to MySQL was free in time.", isUndone: true)
    private static let closed = MySQLFailure.lost("The database was closed.", isUndone: true)
    /// How long after a statement's own limit the server may be silent.
    private static let grace: UInt64 = 2_000_000_000

    /// - Parameters:
    ///   - judgement: which addresses may be called; nil for all.
    ///   - maxPacketBytes: what the server may send in one piece, such as a row.
    package init(
        _ address: MySQLAddress, limits: PoolLimits = PoolLimits(), session: MySQLSession = .store,
        judgement: AddressJudgement? = nil, maxPacketBytes: Int = 1 << 30
    ) {
        self.limits = limits
        opening = MySQLOpening(
            address: address, session: session, judgement: judgement,
            timeout: UInt64(limits.openSeconds) * 1_000_000_000, statementMilliseconds: limits.statementMilliseconds,
            maxPacketBytes: maxPacketBytes)
        book = PoolBook(limits)
        let place = PoolReference()
        thread = EventThread(
            name: "weir-mysql", tick: { now in place.pool?.assumeIsolated { $0.tick(at: now) } ?? .max },
            ready: { name in place.pool?.assumeIsolated { $0.connections[name]?.assumeIsolated { $0.ready() } } })
        place.pool = self
        thread.start()
    }

    deinit { thread.stop() }

    // MARK: Working

    /// When a statement that begins now must have been answered.
    nonisolated var statementDeadline: UInt64 {
        Stopwatch.nanoseconds() + UInt64(limits.statementMilliseconds) * 1_000_000 + Self.grace
    }

    func noteRetry() { shared.withLock { $0.retries += 1 } }

    /// Ends every connection; what waits or is under way is told so.
    package func close() {
        isClosed = true
        lastFailure = Self.closed
        for connection in connections.values { connection.assumeIsolated { $0.close() } }
        connections = [:]
        for (ticket, _) in seats { perform(book.withdraw(ticket, at: Stopwatch.nanoseconds())) }
    }

    // MARK: Seats

    /// Gives a seat back.
    func leave(_ id: UInt64) { perform(book.released(id, at: Stopwatch.nanoseconds())) }

    /// A connection for the caller alone, to be given back with ``leave(_:)``.
    /// - Parameter deadline: until when it is waited for, if that is before the pool's own limit; `Stopwatch` nanoseconds.
    func seat(until deadline: UInt64?) async throws(MySQLFailure) -> MySQLConnection {
        guard !isClosed else { throw Self.closed }
        lastTicket += 1
        let ticket = lastTicket
        let askedAt = Stopwatch.nanoseconds()
        let patience = min(askedAt + limits.wait, deadline ?? .max)
        let member = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                seats[ticket] = continuation
                perform(book.ask(ticket, isExclusive: true, at: askedAt, until: patience))
                if Task.isCancelled { withdraw(ticket) }
            }
        } onCancel: {
            thread.perform { self.assumeIsolated { $0.withdraw(ticket) } }
        }
        let waited = Stopwatch.nanoseconds() - askedAt
        guard let member else {
            shared.withLock { $0.refused += 1 }
            throw Task.isCancelled ? .cancelled : lastFailure
        }
        shared.withLock {
            $0.granted += 1
            $0.waitedNanoseconds += waited
        }
        guard let connection = connections[member] else {
            perform(book.released(member, at: Stopwatch.nanoseconds()))
            throw lastFailure
        }
        return connection
    }

    private func withdraw(_ ticket: UInt64) { perform(book.withdraw(ticket, at: Stopwatch.nanoseconds())) }

    private func perform(_ actions: [PoolBook.Action]) {
        for action in actions {
            switch action {
            case .grant(let ticket, let member): seats.removeValue(forKey: ticket)?.resume(returning: member)
            case .refuse(let ticket): seats.removeValue(forKey: ticket)?.resume(returning: nil)
            case .open: open()
            case .close(let id): connections.removeValue(forKey: id)?.assumeIsolated { $0.close() }
            case .check(let id): check(id)
            }
        }
        thread.tick(noLaterThan: book.nextTick)
        let (open, idle, waiting) = (connections.count, book.idle, book.waiting)
        shared.withLock {
            $0.open = open
            $0.idle = idle
            $0.waiting = waiting
        }
    }

    private func open() {
        opening.open { [thread, weak self] result in
            thread.perform { [weak self] in
                guard let self else { return MySQLOpening.discard(result) }
                self.assumeIsolated { $0.opened(result) }
            }
        }
    }

    private func opened(_ result: Result<MySQLOpening.Made, MySQLFailure>) {
        let now = Stopwatch.nanoseconds()
        guard !isClosed else { return MySQLOpening.discard(result) }
        switch result {
        case .success(let made):
            lastMember += 1
            let id = lastMember
            connections[id] = MySQLConnection(
                id: id, made: made, thread: thread,
                // Told afterwards: the loss may come while the pool itself works.
                onLoss: { [thread, weak self] id in
                    thread.perform { [weak self] in self?.assumeIsolated { $0.lost(id) } }
                }, kill: { [opening] in opening.kill($0) })
            shared.withLock { $0.opened += 1 }
            lastFailure = Self.noneFree
            perform(book.opened(id, at: now, spread: .random(in: 0...1)))
        case .failure(let failure):
            shared.withLock { $0.failedToOpen += 1 }
            lastFailure = failure
            lastFailure.isUndone = true
            perform(book.openFailed(at: now, jitter: .random(in: 0...1), isHopeless: failure.isHopeless))
        }
    }

    private func lost(_ id: UInt64) {
        guard connections.removeValue(forKey: id) != nil else { return }
        shared.withLock { $0.lost += 1 }
        perform(book.lost(id, at: Stopwatch.nanoseconds()))
    }

    /// A round trip with nothing in it. When it fails, the connection says itself that it is lost.
    private func check(_ id: UInt64) {
        guard let connection = connections[id] else { return }
        Task {
            try? await connection.turn(until: Stopwatch.nanoseconds() + Self.grace) { connection throws(MySQLFailure) in
                try await connection.command("DO 1")
            }
            perform(book.checked(id, at: Stopwatch.nanoseconds()))
        }
    }

    private func tick(at now: UInt64) -> UInt64 {
        perform(book.tick(at: now))
        let silence = connections.values.map { $0.assumeIsolated { $0.tick(at: now) } }.min() ?? .max
        return min(silence, book.nextTick)
    }
}

/// Lets the thread find the pool without keeping it.
private final class PoolReference: Sendable {
    private struct Weak: Sendable { weak var pool: MySQLPool? }
    private let weak = Mutex(Weak())

    var pool: MySQLPool? {
        get { weak.withLock { $0.pool } }
        set { weak.withLock { $0.pool = newValue } }
    }
}
