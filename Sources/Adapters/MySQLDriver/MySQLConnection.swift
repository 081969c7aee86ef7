import CMySQL
import ConnectionPooling
import Glibc
import Vocabulary

/// One connection, which one caller has at a time. The library's calls that would wait are begun here and gone on with
/// when the socket is ready, so that all connections of a pool share a thread.
///
/// A call that is given up is told so as a time-out, returns, and the connection ends: its state is not known.
actor MySQLConnection {
    nonisolated let id: UInt64
    nonisolated let isMariaDB: Bool
    private nonisolated let thread: EventThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    var handle: UnsafeMutablePointer<MYSQL>?
    private let socket: Int32
    private let threadID: UInt
    private let onLoss: @Sendable (UInt64) -> Void
    private let kill: @Sendable (UInt) -> Void

    /// By their SQL.
    var prepared: [String: PreparedStatement] = [:]
    var uses: UInt64 = 0
    /// Where the call under way goes on; nil while it runs, or while there is none.
    private var waiter: CheckedContinuation<Int32, Never>?
    private var isBusy = false
    private var isWatchedForWriting = false
    private var deadline = UInt64.max
    /// Why the call under way is given up.
    private var ending: MySQLFailure?
    var isGivenUp: Bool { ending != nil }
    private var lastTicket: UInt64 = 0
    /// What the session was told last; see ``MySQLTerms``.
    var onlyReads = false
    var limitMilliseconds: UInt64 = 0
    var rowLimit = 0
    /// What the last part of a transaction failed of; nil after one that succeeded.
    var lastFailure: MySQLFailure?
    /// It is not to be used again.
    private var isDiscarded = false

    init(
        id: UInt64, made: MySQLOpening.Made, thread: EventThread, onLoss: @escaping @Sendable (UInt64) -> Void,
        kill: @escaping @Sendable (UInt) -> Void
    ) {
        self.id = id
        self.thread = thread
        self.onLoss = onLoss
        self.kill = kill
        isMariaDB = made.isMariaDB
        threadID = made.threadID
        handle = UnsafeMutablePointer(bitPattern: made.handle)
        socket = mysql_get_socket(handle)
        thread.watch(socket, name: id, for: .read)
    }

    isolated deinit { close() }

    /// What is under way is given up; else the server is told goodbye.
    func close() { isBusy ? giveUp(.lost("The connection was closed.")) : drop(.lost("The connection was closed.")) }

    // MARK: One caller's turn

    /// Lets a caller that was granted this connection work on it, until its time is over or it is cancelled.
    /// - Parameter deadline: `Stopwatch` nanoseconds.
    func turn<Result: Sendable>(
        until deadline: UInt64,
        _ body: @Sendable (isolated MySQLConnection) async throws(MySQLFailure) -> Result
    ) async throws(MySQLFailure) -> Result {
        guard !Task.isCancelled else { throw .cancelled }
        lastTicket += 1
        let ticket = lastTicket
        self.deadline = deadline
        isBusy = true
        thread.tick(noLaterThan: deadline)
        let outcome: Swift.Result<Result, MySQLFailure> = await withTaskCancellationHandler {
            do throws(MySQLFailure) { return .success(try await body(self)) } catch { return .failure(error) }
        } onCancel: {
            thread.perform { self.assumeIsolated { $0.cancel(ticket) } }
        }
        lastTicket += 1  // a late cancellation hits nobody else
        self.deadline = .max
        isBusy = false
        if let ending {
            drop(ending)
            self.ending = nil
        } else if case .failure(let failure) = outcome, failure.endsConnection {
            drop(failure)
        } else if isDiscarded {
            drop(.lost("The connection was not used again."))
        }
        return try outcome.get()
    }

    /// After this turn, the connection goes.
    func discard() { isDiscarded = true }

    private func cancel(_ ticket: UInt64) { if ticket == lastTicket, isBusy { giveUp(.cancelled) } }

    /// The limit of a turn may move while it lasts.
    func extend(until deadline: UInt64) {
        self.deadline = deadline
        thread.tick(noLaterThan: deadline)
    }

    // MARK: Waiting

    /// Goes on with a call of the library until it is done.
    /// - Parameters:
    ///   - first: what it waits for after it was begun; 0 for nothing.
    ///   - proceed: goes on with it, told what happened.
    func finish(_ first: Int32, _ proceed: (Int32) -> Int32) async {
        var wants = first
        while wants != 0 { wants = proceed(await readiness(wants)) }
    }

    private func readiness(_ wants: Int32) async -> Int32 {
        guard ending == nil else { return MYSQL_WAIT_TIMEOUT }
        watch(forWriting: wants & MYSQL_WAIT_WRITE != 0)
        let happened = await withCheckedContinuation { waiter = $0 }
        return happened == MYSQL_WAIT_TIMEOUT ? happened : wants & ~MYSQL_WAIT_TIMEOUT
    }

    private func watch(forWriting: Bool) {
        guard forWriting != isWatchedForWriting else { return }
        isWatchedForWriting = forWriting
        thread.rewatch(socket, name: id, for: forWriting ? [.read, .write] : .read)
    }

    /// The socket can be read or written.
    func ready() {
        if let waiter {
            self.waiter = nil
            waiter.resume(returning: MYSQL_WAIT_READ)
        } else if !isBusy {
            // Nothing was asked: the server ends the connection.
            drop(.lost("The server ended the connection."))
        }
    }

    /// - Returns: when it wants to be asked again.
    func tick(at now: UInt64) -> UInt64 {
        guard isBusy, ending == nil else { return .max }
        guard now >= deadline else { return deadline }
        giveUp(.timedOut)
        return .max
    }

    private func giveUp(_ failure: MySQLFailure) {
        guard ending == nil, handle != nil else { return }
        ending = failure
        // What it does now is wanted by nobody, and may take long.
        kill(threadID)
        waiter?.resume(returning: MYSQL_WAIT_TIMEOUT)
        waiter = nil
    }

    // MARK: Ending

    private func drop(_ failure: MySQLFailure) {
        guard let handle else { return }
        self.handle = nil
        thread.unwatch(socket)
        // A goodbye must not wait behind what was not read.
        if weir_is_open(handle) != 0, failure.kind != .lost || ending != nil { shutdown(socket, Int32(SHUT_RDWR)) }
        mysql_close(handle)
        for statement in prepared.values { statement.free() }
        prepared = [:]
        onLoss(id)
    }

    /// What the library says of the last call.
    func failure() -> MySQLFailure {
        if let ending { return ending }
        guard let handle else { return .lost("The connection was lost.", isUndone: true) }
        guard mysql_errno(handle) != 0 else { return .lost("The server's answer cannot be read.") }
        return MySQLFailure(code: mysql_errno(handle), message: String(cString: mysql_error(handle)))
    }

    func failure(_ statement: PreparedStatement) -> MySQLFailure {
        if let ending { return ending }
        // While rows come, errors are noted with the connection only.
        guard mysql_stmt_errno(statement.handle) != 0 else { return failure() }
        return MySQLFailure(
            code: mysql_stmt_errno(statement.handle), message: String(cString: mysql_stmt_error(statement.handle)))
    }
}
