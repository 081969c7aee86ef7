import ConnectionPooling
import JSONTree
import MySQLDriver
package import Outbound
import Synchronization
import Vocabulary

/// MySQL and MariaDB servers of others.
package struct MySQLDatabases: DatabaseOpening {
    package init() {}

    package var schemes: [String] { MySQLAddress.schemes }

    package func open(_ source: DatabaseSource) -> any OutboundDatabase { MySQLDatabase(source) }
}

final class MySQLDatabase: OutboundDatabase {
    private let source: DatabaseSource
    /// Made by the first statement: a connector that nobody uses costs no thread. Or why the URL cannot be used.
    private let made = Mutex<Result<MySQLPool, MySQLFailure>?>(nil)

    /// Of one result: what is beyond it is not read.
    private static let mostBytes = 32 << 20
    /// Of one row, as it is sent.
    private static let mostPacketBytes = 64 << 20
    /// Connections that rested that long are closed: they are somebody else's.
    private static let rest: UInt64 = 60_000_000_000
    /// What leaves nothing behind in the session of its connection.
    private static let plainVerbs: Set = ["SELECT", "WITH", "VALUES", "TABLE", "INSERT", "UPDATE", "DELETE", "REPLACE"]

    init(_ source: DatabaseSource) { self.source = source }

    func read(_ statement: SQLStatement) async throws(DatabaseFailure) -> SQLRows {
        var terms = Self.terms(statement)
        terms.onlyReads = true
        return Self.rows(try await ask(statement, terms))
    }

    func write(_ statement: SQLStatement) async throws(DatabaseFailure) -> SQLChange {
        var terms = Self.terms(statement)
        let text = statement.text.drop { $0.isWhitespace || $0 == "(" }
        terms.endsSession = !Self.plainVerbs.contains(text.prefix { $0.isLetter }.uppercased())
        let table = try await ask(statement, terms)
        guard table.columnCount > 0 else {
            return SQLChange(rowsAffected: table.affected, lastInsertID: table.lastInsertID)
        }
        return SQLChange(rowsAffected: max(table.affected, table.count), rows: Self.rows(table))
    }

    func close() async { try? await made.withLock { $0 }?.get().close() }  // what was never made needs no closing

    private static func terms(_ statement: SQLStatement) -> MySQLTerms {
        var terms = MySQLTerms(timeout: UInt64(max(0, statement.timeout.wholeMilliseconds)) * 1_000_000)
        terms.maxRows = statement.maxRows
        terms.maxBytes = mostBytes
        terms.named = true
        return terms
    }

    private var pool: Result<MySQLPool, MySQLFailure> {
        made.withLock { made in
            let pool = made ?? Self.makePool(source)
            made = pool
            return pool
        }
    }

    private static func makePool(_ source: DatabaseSource) -> Result<MySQLPool, MySQLFailure> {
        var limits = PoolLimits()
        limits.mostConnections = max(1, source.connections)
        let milliseconds = max(1, source.connectTimeout.wholeMilliseconds)
        limits.wait = UInt64(milliseconds) * 1_000_000
        limits.openSeconds = Int((milliseconds + 999) / 1000)
        limits.idle = rest
        limits.failsFast = true
        let judgement: AddressJudgement? =
            source.allowsPrivateAddresses ? nil : { @Sendable in AddressRule.isPublic($0) }
        do throws(MySQLFailure) {
            let address = try MySQLAddress(source.url)
            return .success(
                MySQLPool(
                    address, limits: limits, session: .guest, judgement: judgement, maxPacketBytes: mostPacketBytes))
        } catch { return .failure(error) }
    }

    private func ask(_ statement: SQLStatement, _ terms: MySQLTerms) async throws(DatabaseFailure) -> MySQLTable {
        let asked = MySQLStatement(statement.text, statement.parameters.map(Self.parameter))
        let pool: MySQLPool
        switch self.pool {
        case .success(let made): pool = made
        case .failure(let failure): throw .unreachable(failure.message)
        }
        do throws(MySQLFailure) { return try await pool.ask(asked, terms) } catch {
            switch (error.kind, error.storage) {
            case (.timedOut, _), (.cancelled, _): throw .timedOut
            case (.refusedAddress, _): throw .refusedAddress(error.message)
            case (_, .unavailable(let reason)): throw .unreachable(reason)
            case (_, .broken), (_, .conflict): throw .refused(error.message)
            }
        }
    }

    private static func rows(_ table: MySQLTable) -> SQLRows {
        let rows = table.map { row in (0..<table.columnCount).map { value(row, $0) } }
        return SQLRows(columns: table.names, rows: rows)
    }

    private static func parameter(_ value: SQLValue) -> MySQLValue {
        switch value {
        case .null: .null
        case .integer(let number): .integer(number)
        case .real(let number): .real(number)
        case .text(let text): .text(text)
        case .bytes(let bytes): .bytes(bytes)
        case .bool(let flag): .integer(flag ? 1 : 0)
        case .json(let bytes): .text(String(decoding: bytes, as: UTF8.self))
        }
    }

    private static func value(_ row: MySQLRow, _ place: Int) -> SQLValue {
        switch row.cell(place) {
        case .null: .null
        case .integer(let number): .integer(number)
        case .real(let number): .real(number)
        case .text: .text(row.text(place))
        case .bytes: .bytes(row.bytes(place))
        // A text may be called JSON and not be whole; then it is a text.
        case .json:
            (try? OwnedJSON(parsing: row.bytes(place))) == nil ? .text(row.text(place)) : .json(row.bytes(place))
        }
    }
}
