import CPostgres
import ConnectionPooling
import Vocabulary

/// One connection in pipeline mode. A batch of statements goes out in one piece and is one transaction; further batches
/// follow without waiting for its answer.
actor PostgresConnection {
    typealias Outcome = Result<[PostgresTable], PostgresFailure>

    private enum Step {
        case prepare(String)
        case execute
        /// Goes along; nobody asked for its answer.
        case aside
        /// Its rows are shown one by one.
        case rows
    }

    private struct Batch {
        var ticket: UInt64
        /// Without an answer until then, the connection is given up.
        var deadline: UInt64
        var steps: [Step] = []
        var place = 0
        var tables: [PostgresTable] = []
        var failure: PostgresFailure?
        var onlyReads = false
        /// Shown each row; says whether more is wanted.
        var row: ((PostgresLine) -> Bool)?
        /// Nil once the caller left.
        var finish: ((Outcome) -> Void)?
        /// Where it has the reads of several callers: they are told instead.
        var group: ReadGroup?
        /// The step that failed first.
        var failedStep: Int?

        /// The connection is lost.
        mutating func fail(_ failure: PostgresFailure) {
            group?.fail(failure)
            finish?(.failure(failure))
        }
    }

    nonisolated let id: UInt64
    private nonisolated let thread: EventThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private var connection: OpaquePointer?
    private let socket: Int32
    private let isPooled: Bool
    private let statementMilliseconds: Int
    /// Nanoseconds without an answer after which it counts as lost.
    private let silence: UInt64
    private let onLoss: @Sendable (UInt64) -> Void
    /// Told the payload of each notification.
    private var onNotification: ((String) -> Void)?
    private var batches: [Batch] = []
    private var lastTicket: UInt64 = 0
    private var names: [String: String] = [:]
    private var lastName = 0
    private var waitsToWrite = false
    /// What goes out before the next batch: a transaction that has begun for its caller.
    private var beginning: [PostgresStatement] = []
    /// What the last batch failed of; nil after one that succeeded.
    private(set) var lastFailure: PostgresFailure?
    /// Statements kept prepared; what comes after them is planned anew each time.
    private static let mostPrepared = 256

    /// - Parameter link: ours from now on.
    init(
        id: UInt64, link: PostgresOpening.Link, thread: EventThread, limits: PoolLimits,
        onLoss: @escaping @Sendable (UInt64) -> Void
    ) {
        self.id = id
        self.thread = thread
        self.onLoss = onLoss
        isPooled = link.isPooled
        statementMilliseconds = limits.statementMilliseconds
        silence = UInt64(limits.statementMilliseconds + 2000) * 1_000_000
        connection = OpaquePointer(bitPattern: link.address)
        socket = PQsocket(connection)
        PQsetnonblocking(connection, 1)
        PQenterPipelineMode(connection)
        thread.watch(socket, name: id, for: .read)
    }

    isolated deinit { close() }

    func close() { lose(.lost("The connection was closed.")) }

    func hear(_ onNotification: @escaping (String) -> Void) { self.onNotification = onNotification }

    // MARK: Sending

    /// Begins a transaction with the next batch; the batches after it are parts of it. Whoever begins ends it.
    func begin() {
        beginning = [PostgresStatement("BEGIN")]
        guard isPooled else { return }
        // No query, so that the caller may still choose how the transaction is isolated.
        beginning.append(PostgresStatement("SET LOCAL statement_timeout = \(statementMilliseconds)"))
        beginning.append(
            PostgresStatement("SET LOCAL idle_in_transaction_session_timeout = \(statementMilliseconds * 2)"))
    }

    /// The session's setting, where there is no session: for one transaction in one batch.
    private var timeout: PostgresStatement {
        PostgresStatement("SELECT set_config('statement_timeout', '\(statementMilliseconds)', true)")
    }

    /// - Parameter isWhole: it is a transaction; else a part of one that was begun.
    func run(_ statements: [PostgresStatement], isWhole: Bool, endsOnCancellation: Bool) async -> Outcome {
        let ticket = lastTicket + 1
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                send(statements, isWhole: isWhole) { continuation.resume(returning: $0) }
                if Task.isCancelled { abandon(ticket, endsConnection: endsOnCancellation) }
            }
        } onCancel: {
            thread.perform {
                self.assumeIsolated { $0.abandon(ticket, endsConnection: endsOnCancellation) }
            }
        }
    }

    /// - Parameter finish: called once, here, with the answer of each statement.
    func send(_ statements: [PostgresStatement], isWhole: Bool = false, finish: @escaping (Outcome) -> Void) {
        var batch = Batch(ticket: lastTicket + 1, deadline: Stopwatch.nanoseconds() + silence, finish: finish)
        let first = beginning.isEmpty && isPooled && isWhole && !statements.isEmpty ? [timeout] : beginning
        send(&batch) { batch in
            for statement in first { guard send(statement, as: .aside, &batch.steps) else { return false } }
            for statement in statements { guard send(statement, as: .execute, &batch.steps) else { return false } }
            return true
        }
    }

    /// Sends reads of several callers as one batch, and tells each its answer.
    /// - Parameter finish: called once, here, with those that have none because another failed, and whether the connection
    ///   was lost.
    func send(_ reads: [PostgresRead], finish: @escaping ([PostgresRead], Bool) -> Void) {
        var batch = Batch(ticket: lastTicket + 1, deadline: Stopwatch.nanoseconds() + silence)
        batch.group = ReadGroup(reads: reads, finish: finish)
        send(&batch) { batch in
            if isPooled { guard send(timeout, as: .aside, &batch.steps) else { return false } }
            for read in reads {
                for statement in read.statements {
                    guard send(statement, as: .execute, &batch.steps) else { return false }
                }
                batch.group?.ends.append(batch.steps.count)
            }
            return true
        }
    }

    /// Its caller left.
    func forgetRead(_ ticket: UInt64) {
        for place in batches.indices where batches[place].group?.forget(ticket) == true { return }
    }

    /// Runs a query in a transaction of its own, and shows its rows as they arrive. A transaction that only reads is ended
    /// with it; after one that writes, the caller commits.
    ///
    /// - Parameter row: called here; says whether more is wanted. Where it is not, the statement is stopped and the
    ///   connection given up.
    /// - Returns: one table without rows, which says how many there were.
    func run(
        _ query: PostgresQuery, grace: UInt64, row: @escaping @Sendable (PostgresLine) -> Bool
    ) async -> Outcome {
        let ticket = lastTicket + 1
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                send(query, grace, row) { continuation.resume(returning: $0) }
                if Task.isCancelled { abandon(ticket, endsConnection: true) }
            }
        } onCancel: {
            thread.perform { self.assumeIsolated { $0.abandon(ticket, endsConnection: true) } }
        }
    }

    private func send(
        _ query: PostgresQuery, _ grace: UInt64, _ row: @escaping (PostgresLine) -> Bool,
        finish: @escaping (Outcome) -> Void
    ) {
        let now = Stopwatch.nanoseconds()
        var batch = Batch(
            ticket: lastTicket + 1, deadline: max(now, query.deadline) + grace, onlyReads: query.onlyReads, row: row,
            finish: finish)
        let milliseconds = query.deadline > now ? (query.deadline - now) / 1_000_000 + 1 : 1
        // Whatever a statement before it set, and whatever the server's habits are: results have one form.
        let settings = PostgresStatement(
            """
            SELECT set_config('statement_timeout', $1, true), set_config('TimeZone', 'UTC', true),
            set_config('DateStyle', 'ISO, MDY', true), set_config('IntervalStyle', 'iso_8601', true),
            set_config('bytea_output', 'hex', true), set_config('extra_float_digits', '1', true)
            """, [.text(String(milliseconds))])
        send(&batch) { batch in
            let begin = PostgresStatement(query.onlyReads ? "BEGIN READ ONLY" : "BEGIN READ WRITE")
            guard send(begin, as: .aside, &batch.steps), send(settings, as: .aside, &batch.steps) else { return false }
            batch.steps.append(.rows)
            let isSent = PostgresParameters.with(texts: query.parameters) { values in
                PQsendQueryParams(connection, query.sql, Int32(values.count), nil, values, nil, nil, 0) == 1
            }
            // What a read may have set goes with its transaction.
            return isSent && (!query.onlyReads || send(PostgresStatement("ROLLBACK"), as: .aside, &batch.steps))
        }
    }

    /// What a guest's statement may leave in a session that others have after it. A pooler keeps sessions apart itself.
    func clean(afterWriting hasWritten: Bool) {
        guard !isPooled else { return }
        var traces = ["SELECT pg_advisory_unlock_all()"]
        if hasWritten {
            traces += ["RESET SESSION AUTHORIZATION", "RESET ALL", "UNLISTEN *", "DISCARD TEMP", "DISCARD SEQUENCES"]
        }
        send(traces.map { PostgresStatement($0) }, isWhole: true) { [weak self] outcome in
            guard case .failure(let failure) = outcome else { return }
            self?.assumeIsolated { $0.lose(failure) }
        }
    }

    private func send(_ batch: inout Batch, _ write: (inout Batch) -> Bool) {
        lastTicket += 1
        beginning = []
        guard connection != nil else {
            return batch.fail(.unsent("The connection to PostgreSQL was lost."))
        }
        let isSent = write(&batch)
        batches.append(batch)
        guard isSent, PQpipelineSync(connection) == 1 else { return lose(.lost(message)) }
        flush()
        thread.tick(noLaterThan: batch.deadline)
    }

    private func send(_ statement: PostgresStatement, as step: Step, _ steps: inout [Step]) -> Bool {
        var name = names[statement.sql]
        let count = Int32(statement.parameters.count)
        var types: [UInt32] { statement.parameters.map(\.type.rawValue) }
        if name == nil, !isPooled, names.count < Self.mostPrepared {
            lastName += 1
            let new = "s\(lastName)"
            guard PQsendPrepare(connection, new, statement.sql, count, types) == 1 else { return false }
            steps.append(.prepare(statement.sql))
            names[statement.sql] = new
            name = new
        }
        steps.append(step)
        return PostgresParameters.with(statement.parameters) { values, lengths, formats in
            if let name { return PQsendQueryPrepared(connection, name, count, values, lengths, formats, 1) == 1 }
            return PQsendQueryParams(connection, statement.sql, count, types, values, lengths, formats, 1) == 1
        }
    }

    private func flush() {
        let left = PQflush(connection)
        guard left >= 0 else { return lose(.lost(message)) }
        if (left > 0) != waitsToWrite {
            waitsToWrite = left > 0
            thread.rewatch(socket, name: id, for: waitsToWrite ? [.read, .write] : .read)
        }
    }

    // MARK: Receiving

    /// The socket can be read or written.
    func ready() {
        guard connection != nil else { return }
        guard PQconsumeInput(connection) == 1 else { return lose(.lost(message)) }
        if waitsToWrite { flush() }
        while !batches.isEmpty, connection != nil, PQisBusy(connection) == 0 {
            guard let result = PQgetResult(connection) else {
                batches[0].place += 1
                if PQstatus(connection) == CONNECTION_BAD { return lose(.lost(message)) }
                if case .rows = step { PQsetSingleRowMode(connection) }
                continue
            }
            take(result)
            PQclear(result)
        }
        while let onNotification, connection != nil, let notification = PQnotifies(connection) {
            onNotification(notification.pointee.extra.map { String(cString: $0) } ?? "")
            PQfreemem(notification)
        }
        if connection != nil, PQstatus(connection) == CONNECTION_BAD { lose(.lost(message)) }
    }

    /// What the next result belongs to.
    private var step: Step { batches[0].place < batches[0].steps.count ? batches[0].steps[batches[0].place] : .aside }

    private func take(_ result: OpaquePointer) {
        let step = step
        switch PQresultStatus(result) {
        case PGRES_PIPELINE_SYNC: finishFirst()
        case PGRES_SINGLE_TUPLE:
            guard let row = batches[0].row, row(PostgresLine(result: result)) else {
                stop(.tooMuch("The answer has more than is taken."))
                return
            }
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
            switch step {
            case .execute, .rows: batches[0].tables.append(PostgresTable(result))
            case .prepare, .aside: break
            }
        case PGRES_PIPELINE_ABORTED: unprepare(step)
        case PGRES_FATAL_ERROR:
            unprepare(step)
            var failure = PostgresFailure(
                sqlState: weir_sqlstate(result).map { String(cString: $0) } ?? "",
                message: weir_primary_message(result).map { String(cString: $0) } ?? message)
            if failure.sqlState == "26000" { names = [:] }
            if failure.sqlState == "25006", batches[0].onlyReads { failure.kind = .wouldWrite }
            if batches[0].failure == nil {
                batches[0].failure = failure
                batches[0].failedStep = batches[0].place
            }
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
            batches[0].failure = PostgresFailure(sqlState: "0A000", message: "COPY cannot be run here.")
            lose(.lost("The connection was in the middle of a COPY."))
        case let other: lose(.lost("PostgreSQL answered what was not asked for (\(other.rawValue))."))
        }
    }

    private func unprepare(_ step: Step) { if case .prepare(let sql) = step { names[sql] = nil } }

    private func finishFirst() {
        var batch = batches.removeFirst()
        lastFailure = batch.failure
        // Those behind it had to wait for it.
        if !batches.isEmpty { batches[0].deadline = max(batches[0].deadline, Stopwatch.nanoseconds() + silence) }
        batch.group?.answer(batch.tables, batch.failure, at: batch.failedStep ?? .max)
        batch.finish?(batch.failure.map { .failure($0) } ?? .success(batch.tables))
        if let failure = batch.failure, failure.endsConnection { lose(failure) }
    }

    // MARK: Ending

    /// The caller left. Where the connection is its own, the server is told to stop, and the connection goes. Elsewhere the
    /// answer is dropped when it comes.
    private func abandon(_ ticket: UInt64, endsConnection: Bool) {
        guard let place = batches.firstIndex(where: { $0.ticket == ticket }), let finish = batches[place].finish else {
            return
        }
        batches[place].finish = nil
        finish(.failure(.cancelled))
        if endsConnection { stop(.cancelled) }
    }

    /// Tells the server to stop. The connection goes with it: a late cancellation must not hit whoever would come next.
    private func stop(_ failure: PostgresFailure) {
        if let connection { PostgresCancelling.cancel(connection) }
        lose(failure)
    }

    /// - Returns: when it wants to be asked again.
    func tick(at now: UInt64) -> UInt64 {
        guard let first = batches.first else { return .max }
        guard now >= first.deadline else { return first.deadline }
        if first.row != nil { stop(.timedOut) } else { lose(.lost("PostgreSQL does not answer.")) }
        return .max
    }

    private var message: String {
        let text = connection.flatMap { PQerrorMessage($0) }.map { String(cString: $0) } ?? ""
        return text.isEmpty ? "The connection to PostgreSQL was lost." : PostgresOpening.oneLine(text)
    }

    private func lose(_ failure: PostgresFailure) {
        guard connection != nil else { return }
        thread.unwatch(socket)
        PQfinish(connection)
        connection = nil
        onNotification = nil
        let left = batches
        batches = []
        lastFailure = failure
        // What is under way is lost as a whole: whether it was committed is not known.
        for var batch in left { batch.fail(batch.failure ?? Self.loss(failure, of: batch)) }
        onLoss(id)
    }

    private static func loss(_ failure: PostgresFailure, of batch: Batch) -> PostgresFailure {
        // Only the batch that was read row by row has a time of its own.
        batch.row != nil && failure.kind != .judged ? failure : .lost(failure.message)
    }
}
