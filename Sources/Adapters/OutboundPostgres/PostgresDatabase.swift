import ConnectionPooling
package import Outbound
import PostgresDriver
import Synchronization
import Vocabulary

/// PostgreSQL databases of others.
package struct PostgresDatabases: DatabaseOpening {
    package init() {}

    package var schemes: [String] { ["postgres", "postgresql"] }

    package func open(_ source: DatabaseSource) -> any OutboundDatabase { PostgresDatabase(source) }
}

final class PostgresDatabase: OutboundDatabase {
    private let source: DatabaseSource
    /// Made by the first statement: a connector that nobody uses costs no thread.
    private let made = Mutex<PostgresPool?>(nil)
    /// Bytes of one answer, as PostgreSQL writes its values. They are in memory together.
    private static let mostBytes = 32 << 20
    /// Connections that rested that long are closed: they are somebody else's.
    private static let rest: UInt64 = 60_000_000_000

    init(_ source: DatabaseSource) { self.source = source }

    package func read(_ statement: SQLStatement) async throws(DatabaseFailure) -> SQLRows {
        let answer = try await run(statement, onlyReads: true)
        return SQLRows(columns: answer.rows.first?.columns ?? [], rows: answer.rows.map(\.values))
    }

    package func write(_ statement: SQLStatement) async throws(DatabaseFailure) -> SQLChange {
        let answer = try await run(statement, onlyReads: false)
        guard let first = answer.rows.first else { return SQLChange(rowsAffected: answer.affected) }
        return SQLChange(
            rowsAffected: answer.affected, rows: SQLRows(columns: first.columns, rows: answer.rows.map(\.values)))
    }

    package func close() async { await made.withLock { $0 }?.close() }

    /// One row, with the names of its columns where it is the first.
    private struct Row: Sendable {
        var columns: [String] = []
        var values: [SQLValue]
    }

    private func run(
        _ statement: SQLStatement, onlyReads: Bool
    ) async throws(DatabaseFailure) -> (rows: [Row], affected: Int) {
        guard !statement.text.utf8.contains(0) else { throw .refused("the statement has a NUL in it") }
        var parameters: [String?] = []
        for value in statement.parameters { parameters.append(try Self.text(value)) }
        let query = PostgresQuery(
            sql: statement.text, parameters: parameters, onlyReads: onlyReads,
            deadline: Stopwatch.nanoseconds() + UInt64(max(0, statement.timeout.wholeMilliseconds)) * 1_000_000,
            mostRows: statement.maxRows, mostBytes: Self.mostBytes)
        do throws(PostgresFailure) {
            return try await pool.fetch(query, Self.row)
        } catch { throw Self.failure(error, statement) }
    }

    @Sendable private static func row(_ line: PostgresLine, isFirst: Bool) -> Row {
        Row(
            columns: isFirst ? (0..<line.count).map { line.name($0) } : [],
            values: (0..<line.count).map { PostgresText.value(line.bytes($0), type: line.type($0)) })
    }

    private var pool: PostgresPool {
        made.withLock { made -> PostgresPool in
            let pool = made ?? Self.makePool(source)
            made = pool
            return pool
        }
    }

    private static func makePool(_ source: DatabaseSource) -> PostgresPool {
        var limits = PoolLimits()
        limits.mostConnections = max(1, source.connections)
        limits.idle = rest
        limits.failsFast = true
        limits.openSeconds = Int((source.connectTimeout.wholeMilliseconds + 999) / 1000)
        var target = PostgresTarget(source.url, mustTakeWrites: false)
        if !source.allowsPrivateAddresses { target.admits = { AddressRule.isPublic($0) } }
        return PostgresPool(target, limits: limits)
    }

    /// As PostgreSQL reads a value of whatever type it finds the parameter to be.
    private static func text(_ value: SQLValue) throws(DatabaseFailure) -> String? {
        switch value {
        case .null: return nil
        case .integer(let number): return String(number)
        case .real(let number): return String(number)
        case .bool(let flag): return flag ? "true" : "false"
        case .bytes(let bytes):
            let digits = Array("0123456789abcdef".utf8)
            let hex = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
            return "\\x" + String(decoding: hex, as: UTF8.self)
        case .json(let bytes): return String(decoding: bytes, as: UTF8.self)
        case .text(let text):
            guard !text.utf8.contains(0) else { throw .refused("a parameter has a NUL in it, which no text may have") }
            return text
        }
    }

    private static func failure(_ failure: PostgresFailure, _ statement: SQLStatement) -> DatabaseFailure {
        switch failure.kind {
        case .timedOut: return .timedOut
        case .tooMuch: return .refused("the answer has more than \(statement.maxRows) rows, or more than 32 MiB")
        case .wouldWrite: return .refused("the statement does not only read")
        case .refusedAddress: return .refusedAddress(failure.message)
        case .hopeless, .unsent: return .unreachable(failure.message)
        case .judged: break
        }
        // Lost; out of resources; ended by an operator; the system failed.
        let isAway = failure.isLoss || ["53", "57P", "58"].contains { failure.sqlState.hasPrefix($0) }
        if isAway { return .unreachable(failure.message) }
        return .refused("\(failure.message) (SQLSTATE \(failure.sqlState))")
    }
}
