import Synchronization
import Vocabulary

extension PostgresPool {
    /// Runs one statement in a transaction of its own and reads its rows as they arrive. What the server undid, and what
    /// never reached it, is tried again; so is what only reads when its connection was lost. Cancelling the task stops the
    /// statement on the server.
    ///
    /// - Parameter read: called on the pool's thread; told whether it is the first row.
    /// - Returns: the rows, and how many rows the statement inserted, changed, deleted or brought.
    package func fetch<Row: Sendable>(
        _ query: PostgresQuery, _ read: @escaping @Sendable (PostgresLine, Bool) -> Row
    ) async throws(PostgresFailure) -> (rows: [Row], affected: Int) {
        var tries = 0
        while true {
            let connection = try await seat(isExclusive: true, until: query.deadline)
            let (rows, outcome) = await Self.run(query, on: connection, read)
            var failure: PostgresFailure
            switch outcome {
            case .success(let tables):
                guard !query.onlyReads else {
                    await connection.clean(afterWriting: false)
                    release(connection.id)
                    return (rows, tables.last?.affected ?? 0)
                }
                let commit = await connection.run(
                    [PostgresStatement("COMMIT")], isWhole: false, endsOnCancellation: false)
                switch commit {
                case .success(let answer) where answer.last?.isCommit == true:
                    await connection.clean(afterWriting: true)
                    release(connection.id)
                    return (rows, tables.last?.affected ?? 0)
                case .success: failure = .lost("PostgreSQL did not commit.")
                // Whether it was committed is not known: never again by itself.
                case .failure(let reason):
                    await connection.clean(afterWriting: true)
                    release(connection.id)
                    throw reason
                }
            case .failure(let reason): failure = reason
            }
            _ = await connection.run([PostgresStatement("ROLLBACK")], isWhole: false, endsOnCancellation: true)
            await connection.clean(afterWriting: !query.onlyReads)
            release(connection.id)
            if failure.sqlState == "57014", failure.kind == .judged, Stopwatch.nanoseconds() >= query.deadline {
                failure = .timedOut
            }
            let isWorthIt = failure.wasUndone || query.onlyReads && failure.isLoss
            try await pause(
                after: failure, isWorthIt: isWorthIt && Stopwatch.nanoseconds() < query.deadline, &tries)
        }
    }

    /// The server's own timeout comes first: it leaves the connection whole.
    private static let grace: UInt64 = 250_000_000

    private static func run<Row: Sendable>(
        _ query: PostgresQuery, on connection: PostgresConnection,
        _ read: @escaping @Sendable (PostgresLine, Bool) -> Row
    ) async -> ([Row], PostgresConnection.Outcome) {
        let collected = Collected<Row>()
        let outcome = await connection.run(query, grace: grace) { line in
            collected.state.withLock { state in
                state.bytes += line.size
                guard state.rows.count < query.mostRows, state.bytes <= query.mostBytes else { return false }
                state.rows.append(read(line, state.rows.isEmpty))
                return true
            }
        }
        return (collected.state.withLock { $0.rows }, outcome)
    }
}

/// Rows on their way from the pool's thread.
private final class Collected<Row: Sendable>: Sendable {
    let state = Mutex<(rows: [Row], bytes: Int)>(([], 0))
}
