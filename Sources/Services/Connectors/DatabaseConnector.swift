import JSONTree
import Outbound
import Vocabulary
import Workflows

/// A `db` connector in use.
final class DatabaseConnector: Sendable {
    let name: String
    let contentHash: String
    let breakers: BreakerBoard
    let database: any OutboundDatabase
    private let config: DatabaseConnectorConfig
    private let meters: ConnectorMeters

    init(
        name: String, contentHash: String, config: DatabaseConnectorConfig, database: any OutboundDatabase,
        breakers: BreakerBoard, meters: ConnectorMeters
    ) {
        self.name = name
        self.contentHash = contentHash
        self.config = config
        self.database = database
        self.breakers = breakers
        self.meters = meters
    }

    func call(_ call: DatabaseCall) async throws(TaskFailure) -> [UInt8] {
        guard call.writes ? config.allowsWrite : config.allowsRead else {
            throw TaskFailure(
                "FUNCTION_ERROR", "The connector `\(name)` does not allow \(call.writes ? "writing" : "reading").")
        }
        let now = Stopwatch.nanoseconds()
        guard breakers.permits(call.channel, at: now) else {
            meters.rejected.increment()
            throw TaskFailure("circuit_open", "The circuit of `\(name)` is open.", problem: .circuitOpen)
        }
        var timeout = config.timeout
        if call.deadline != 0 {
            timeout = call.deadline > now ? min(timeout, .nanoseconds(Int64(call.deadline - now))) : .zero
        }
        let statement = SQLStatement(
            text: call.statement, parameters: call.parameters, timeout: timeout, maxRows: config.maxRows,
            connector: name)
        defer { meters.duration.observe(seconds: Double(Stopwatch.nanoseconds() - now) / 1e9) }
        do throws(DatabaseFailure) {
            let answer =
                call.writes
                ? Self.text(try await database.write(statement)) : Self.text(try await database.read(statement))
            breakers.succeeded(call.channel)
            meters.ok.increment()
            if let place = call.spans { CallSpans.database(call, in: place, system: system, start: now, failure: nil) }
            return answer
        } catch {
            meters.failed.increment()
            let failure = failure(error, call.channel)
            if let place = call.spans {
                CallSpans.database(call, in: place, system: system, start: now, failure: failure)
            }
            throw failure
        }
    }

    /// What the kind of database is called in spans.
    private var system: String { String(config.source.url.prefix { $0 != ":" }) }

    private func failure(_ failure: DatabaseFailure, _ channel: String) -> TaskFailure {
        if case .notRecorded(let reason) = failure {
            breakers.abandoned(channel)
            return TaskFailure("NOT_RECORDED", reason)
        }
        if case .refused(let reason) = failure {
            breakers.abandoned(channel)
            return TaskFailure("FUNCTION_ERROR", "`\(name)` refused the statement: \(reason)")
        }
        if case .refusedAddress(let reason) = failure {
            breakers.abandoned(channel)
            return TaskFailure("FUNCTION_ERROR", "`\(name)` may not be called: \(reason)")
        }
        if breakers.failed(channel, at: Stopwatch.nanoseconds()) { meters.trips.increment() }
        if case .unreachable(let reason) = failure {
            return TaskFailure("IO_ERROR", "`\(name)` cannot be reached: \(reason)")
        }
        return TaskFailure("TIMEOUT_ERROR_CALL", "`\(name)` did not answer in time.")
    }

    func probe() async -> String? {
        do throws(DatabaseFailure) {
            _ = try await database.read(
                SQLStatement(text: "SELECT 1", parameters: [], timeout: .seconds(5), maxRows: 1))
            return nil
        } catch { return "\(error)" }
    }

    private static func text(_ change: SQLChange) -> [UInt8] {
        var text = JSONByteBuffer()
        text.append("{\"rows_affected\":")
        text.append(integer: Int64(change.rowsAffected))
        if let id = change.lastInsertID {
            text.append(",\"last_insert_id\":")
            text.append(integer: id)
        }
        if let rows = change.rows {
            text.append(",\"rows\":")
            write(rows, into: &text)
        }
        text.append("}")
        return text.bytes
    }

    private static func text(_ rows: SQLRows) -> [UInt8] {
        var text = JSONByteBuffer()
        write(rows, into: &text)
        return text.bytes
    }

    private static func write(_ result: SQLRows, into text: inout JSONByteBuffer) {
        text.append("[")
        for (place, row) in result.rows.enumerated() {
            text.append(place > 0 ? ",{" : "{")
            for (column, value) in row.enumerated() {
                if column > 0 { text.append(",") }
                JSONWriter.write(result.columns[column], into: &text)
                text.append(":")
                switch value {
                case .null: text.append("null")
                case .integer(let number): text.append(integer: number)
                case .real(let number): JSONWriter.write(number, into: &text)
                case .text(let string): JSONWriter.write(string, into: &text)
                case .bytes(let bytes): JSONWriter.write(Base64.text(bytes), into: &text)
                case .bool(let flag): text.append(flag ? "true" : "false")
                case .json(let bytes): text.append(bytes)
                }
            }
            text.append("}")
        }
        text.append("]")
    }
}

/// A `db` connector's settings.
package struct DatabaseConnectorConfig: Sendable {
    var source: DatabaseSource
    var timeout: Duration
    var maxRows: Int
    var allowsRead: Bool
    var allowsWrite: Bool

    static func read(_ reader: inout InputReader) -> DatabaseConnectorConfig? {
        reader.checkNames([
            "type", "connection_string", "driver", "max_connections", "connect_timeout_ms", "query_timeout_ms",
            "max_rows",
            "operations", "allow_private_urls",
        ])
        let url = reader.string("connection_string", maxLength: 4096)
        if url == nil, reader.field("connection_string") == nil {
            reader.report(.init(reader.at("connection_string"), .required, "This field is required."))
        }
        // What is sealed, masked or a reference is looked at when it is used.
        if let url, url.hasPrefix("mongodb:") {
            reader.report(.init(reader.at("connection_string"), .invalid, "This release opens no such database."))
        }
        let connections = reader.integer("max_connections", in: 1...64) ?? 5
        let milliseconds = reader.integer("query_timeout_ms", in: 1...3_600_000) ?? 30_000
        let connectMilliseconds = reader.integer("connect_timeout_ms", in: 1...3_600_000) ?? 5000
        let rows = reader.integer("max_rows", in: 1...1_000_000) ?? 1000
        var operations = InputReader(reader.field("operations") ?? .null, at: reader.at("operations"))
        operations.checkNames(["read", "write", "insert", "update", "delete", "upsert", "raw_write"])
        let allowsPrivate = reader.flag("allow_private_urls") ?? false
        let reads = operations.flag("read") ?? true
        let writes = operations.flag("write") ?? operations.flag("raw_write") ?? true
        reader.absorb(operations)
        guard reader.details.isEmpty, let url else { return nil }
        return DatabaseConnectorConfig(
            source: DatabaseSource(
                url: url, connections: connections, connectTimeout: .milliseconds(connectMilliseconds),
                allowsPrivateAddresses: allowsPrivate),
            timeout: .milliseconds(milliseconds), maxRows: rows, allowsRead: reads, allowsWrite: writes)
    }
}
