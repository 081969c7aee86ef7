import CPostgres
import ConnectionPooling
import Dispatch
import Vocabulary

/// One connection in pipeline mode. A batch of statements goes out in one piece and is one transaction; further batches
/// follow without waiting for its answer.
actor PostgresConnection {
    typealias Outcome = Result<[PostgresTable], PostgresFailure>

    private enum Step {
        case prepare(String)
        case execute
    }

    private struct Batch {
        var ticket: UInt64
        var sentAt: UInt64
        var steps: [Step]
        var place = 0
        var tables: [PostgresTable] = []
        var failure: PostgresFailure?
        /// Nil once the caller left.
        var finish: ((Outcome) -> Void)?
    }

    nonisolated let id: UInt64
    private nonisolated let thread: EventThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private var connection: OpaquePointer?
    private let socket: Int32
    private let silence: UInt64
    private let onLoss: @Sendable (UInt64) -> Void
    private var batches: [Batch] = []
    private var lastTicket: UInt64 = 0
    private var names: [String: String] = [:]
    private var lastName = 0
    private var waitsToWrite = false
    /// What the last batch failed of; nil after one that succeeded.
    private(set) var lastFailure: PostgresFailure?
    /// Statements kept prepared; what comes after them is planned anew each time.
    private static let mostPrepared = 256

    /// - Parameters:
    ///   - address: of a connection that libpq has opened; it is ours from now on.
    ///   - silence: nanoseconds without an answer after which it counts as lost.
    init(
        id: UInt64, address: Int, thread: EventThread, silence: UInt64, onLoss: @escaping @Sendable (UInt64) -> Void
    ) {
        self.id = id
        self.thread = thread
        self.silence = silence
        self.onLoss = onLoss
        connection = OpaquePointer(bitPattern: address)
        socket = PQsocket(connection)
        PQsetnonblocking(connection, 1)
        PQenterPipelineMode(connection)
        thread.watch(socket, name: id, for: .read)
    }

    isolated deinit { close() }

    func close() { lose(.lost("The connection was closed.")) }

    // MARK: Sending

    /// One transaction in one round trip, unless one was begun on this connection: then a part of that.
    func run(_ statements: [PostgresStatement], endsOnCancellation: Bool) async -> Outcome {
        let ticket = lastTicket + 1
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                send(statements) { continuation.resume(returning: $0) }
                if Task.isCancelled { abandon(ticket, endsConnection: endsOnCancellation) }
            }
        } onCancel: {
            thread.perform {
                self.assumeIsolated { $0.abandon(ticket, endsConnection: endsOnCancellation) }
            }
        }
    }

    /// - Parameter finish: called once, here, with the answer of each statement.
    func send(_ statements: [PostgresStatement], finish: @escaping (Outcome) -> Void) {
        lastTicket += 1
        guard connection != nil else { return finish(.failure(.unsent("The connection to PostgreSQL was lost."))) }
        var batch = Batch(ticket: lastTicket, sentAt: Stopwatch.nanoseconds(), steps: [], finish: finish)
        var isSent = true
        for statement in statements where isSent { isSent = send(statement, steps: &batch.steps) }
        batches.append(batch)
        guard isSent, PQpipelineSync(connection) == 1 else { return lose(.lost(message)) }
        flush()
        thread.tick(noLaterThan: batch.sentAt + silence)
    }

    private func send(_ statement: PostgresStatement, steps: inout [Step]) -> Bool {
        var name = names[statement.sql]
        let types = statement.parameters.map(\.type.rawValue)
        if name == nil, names.count < Self.mostPrepared {
            lastName += 1
            let new = "s\(lastName)"
            guard PQsendPrepare(connection, new, statement.sql, Int32(types.count), types) == 1 else { return false }
            steps.append(.prepare(statement.sql))
            names[statement.sql] = new
            name = new
        }
        steps.append(.execute)
        return withParameters(statement.parameters) { values, lengths, formats in
            let count = Int32(types.count)
            if let name { return PQsendQueryPrepared(connection, name, count, values, lengths, formats, 1) == 1 }
            return PQsendQueryParams(connection, statement.sql, count, types, values, lengths, formats, 1) == 1
        }
    }

    /// Lays the values out as libpq wants them: an address and a length for each.
    private func withParameters<Result>(
        _ values: [PostgresValue], _ body: ([UnsafePointer<CChar>?], [Int32], [Int32]) -> Result
    ) -> Result {
        var data: [UInt8] = []
        var ends: [Int] = []
        for value in values {
            value.write(into: &data)
            ends.append(data.count)
        }
        data.append(0)
        return data.withUnsafeBytes { bytes in
            var addresses: [UnsafePointer<CChar>?] = []
            var lengths: [Int32] = []
            for (place, value) in values.enumerated() {
                let start = place == 0 ? 0 : ends[place - 1]
                lengths.append(Int32(ends[place] - start))
                if case .null = value {
                    addresses.append(nil)
                } else {
                    addresses.append(bytes.baseAddress.map { ($0 + start).assumingMemoryBound(to: CChar.self) })
                }
            }
            return body(addresses, lengths, [Int32](repeating: 1, count: values.count))
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
                continue
            }
            take(result)
            PQclear(result)
        }
        if connection != nil, PQstatus(connection) == CONNECTION_BAD { lose(.lost(message)) }
    }

    private func take(_ result: OpaquePointer) {
        let place = batches[0].place
        let step = place < batches[0].steps.count ? batches[0].steps[place] : .execute
        switch PQresultStatus(result) {
        case PGRES_PIPELINE_SYNC: finishFirst()
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
            if case .execute = step { batches[0].tables.append(PostgresTable(result)) }
        case PGRES_PIPELINE_ABORTED: unprepare(step)
        case PGRES_FATAL_ERROR:
            unprepare(step)
            let failure = PostgresFailure(
                sqlState: weir_sqlstate(result).map { String(cString: $0) } ?? "",
                message: weir_primary_message(result).map { String(cString: $0) } ?? message)
            if failure.sqlState == "26000" { names = [:] }
            if batches[0].failure == nil { batches[0].failure = failure }
        case let other: lose(.lost("PostgreSQL answered what was not asked for (\(other.rawValue))."))
        }
    }

    private func unprepare(_ step: Step) { if case .prepare(let sql) = step { names[sql] = nil } }

    private func finishFirst() {
        let batch = batches.removeFirst()
        lastFailure = batch.failure
        batch.finish?(batch.failure.map { .failure($0) } ?? .success(batch.tables))
        if let failure = batch.failure, failure.endsConnection { lose(failure) }
    }

    // MARK: Ending

    /// The caller left. Where the connection is its own, the server is told to stop, and the connection goes: a late
    /// cancellation must not hit whoever would come next. Elsewhere the answer is dropped when it comes.
    private func abandon(_ ticket: UInt64, endsConnection: Bool) {
        guard let place = batches.firstIndex(where: { $0.ticket == ticket }), let finish = batches[place].finish else {
            return
        }
        batches[place].finish = nil
        finish(.failure(.cancelled))
        if endsConnection {
            cancelOnServer()
            lose(.cancelled)
        }
    }

    /// Opens a connection of its own for that, which blocks: elsewhere.
    private func cancelOnServer() {
        guard let cancel = PQgetCancel(connection) else { return }
        let address = Int(bitPattern: cancel)
        DispatchQueue.global().async {
            guard let cancel = OpaquePointer(bitPattern: address) else { return }
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) {
                _ = PQcancel(cancel, $0.baseAddress, 256)
            }
            PQfreeCancel(cancel)
        }
    }

    /// - Returns: when it wants to be asked again.
    func tick(at now: UInt64) -> UInt64 {
        guard let first = batches.first else { return .max }
        guard now >= first.sentAt + silence else { return first.sentAt + silence }
        lose(.lost("PostgreSQL does not answer."))
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
        let left = batches
        batches = []
        lastFailure = failure
        // What is under way is lost as a whole: whether it was committed is not known.
        for batch in left { batch.finish?(.failure(batch.failure ?? .lost(failure.message))) }
        onLoss(id)
    }
}
