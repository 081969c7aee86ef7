import Foundation
import JSONTree
import Outbound
package import Vocabulary

/// The calls of one case, as they are kept in a file beside it.
package struct CallRecording: Sendable {
    /// The format's version.
    private static let version: Int64 = 1

    /// When it was made: the clock of every run that is answered from it.
    package var recordedAt: Timestamp
    package var calls: [RecordedCall]

    package init(recordedAt: Timestamp, calls: [RecordedCall]) {
        self.recordedAt = recordedAt
        self.calls = calls
    }

    /// Why a file is no recording, in a sentence.
    package struct Malformed: Error, Sendable, Equatable {
        package var message: String
    }

    // MARK: Reading

    package init(parsing bytes: [UInt8]) throws(Malformed) {
        let json: OwnedJSON
        do throws(JSONSyntaxError) { json = try OwnedJSON(parsing: bytes) } catch {
            throw Malformed(message: "It is not JSON: \(error.message)")
        }
        let root = json.value
        guard root.member("recording")?.intValue == Self.version else {
            throw Malformed(message: "`recording` must be \(Self.version), the version of the format.")
        }
        guard let time = root.member("recorded_at")?.stringValue.flatMap(Timestamp.init(rfc3339:)) else {
            throw Malformed(message: "`recorded_at` must be a moment such as 2026-01-31T12:00:00Z.")
        }
        guard let list = root.member("calls"), list.isArray else {
            throw Malformed(message: "`calls` must be an array.")
        }
        recordedAt = time
        calls = []
        for place in 0..<list.count {
            guard let question = Self.question(list[place]), let answer = Self.answer(list[place]) else {
                throw Malformed(message: "`calls[\(place)]` has no question or no answer that can be read.")
            }
            calls.append(RecordedCall(question: question, answer: answer))
        }
        withExtendedLifetime(json) {}
    }

    private static func question(_ call: JSONValue) -> RecordedCall.Question? {
        guard let connector = call.member("connector")?.stringValue else { return nil }
        if let method = call.member("method")?.stringValue {
            return .http(
                connector: connector, method: method, path: call.member("path")?.stringValue ?? "",
                body: call.member("body").flatMap(bytes) ?? [])
        }
        guard let operation = call.member("operation")?.stringValue,
            let statement = call.member("statement")?.stringValue, operation == "read" || operation == "write"
        else { return nil }
        let list = call.member("parameters") ?? .null
        return .database(
            connector: connector, writes: operation == "write", statement: statement,
            parameters: (0..<list.count).map { value(list[$0]) })
    }

    private static func answer(_ call: JSONValue) -> RecordedCall.Answer? {
        if let reply = call.member("reply"), let status = reply.member("status")?.intValue {
            let headers = reply.member("headers") ?? .null
            return .reply(
                OutboundReply(
                    status: Int(status),
                    headers: (0..<headers.count).map {
                        (
                            name: headers.key(at: $0).stringValue ?? "",
                            value: headers.value(at: $0).stringValue ?? ""
                        )
                    }, body: reply.member("body").flatMap(bytes) ?? []))
        }
        if let rows = call.member("rows"), let columns = rows.member("columns"), let values = rows.member("values") {
            return .rows(Self.rows(columns, values))
        }
        if let changed = call.member("changed") {
            var change = SQLChange(
                rowsAffected: Int(changed.member("rows_affected")?.intValue ?? 0),
                lastInsertID: changed.member("last_insert_id")?.intValue)
            if let rows = changed.member("rows"), let columns = rows.member("columns"),
                let values = rows.member("values")
            {
                change.rows = Self.rows(columns, values)
            }
            return .changed(change)
        }
        return call.member("failure").flatMap { failure(ofDatabase: call.member("method") == nil, $0) }
    }

    private static func rows(_ columns: JSONValue, _ values: JSONValue) -> SQLRows {
        SQLRows(
            columns: (0..<columns.count).map { columns[$0].stringValue ?? "" },
            rows: (0..<values.count).map { row in (0..<values[row].count).map { value(values[row][$0]) } })
    }

    private static func failure(ofDatabase: Bool, _ value: JSONValue) -> RecordedCall.Answer? {
        let message = value.member("message")?.stringValue ?? ""
        switch (ofDatabase, value.member("kind")?.stringValue) {
        case (false, "malformed"): return .failure(.malformed(message))
        case (false, "refused_address"): return .failure(.refusedAddress(message))
        case (false, "unreachable"): return .failure(.unreachable(message))
        case (false, "timed_out"): return .failure(.timedOut)
        case (false, "too_large"): return .failure(.tooLarge(Int(value.member("bytes")?.intValue ?? 0)))
        case (true, "unreachable"): return .databaseFailure(.unreachable(message))
        case (true, "timed_out"): return .databaseFailure(.timedOut)
        case (true, "refused"): return .databaseFailure(.refused(message))
        case (true, "refused_address"): return .databaseFailure(.refusedAddress(message))
        default: return nil
        }
    }

    /// `{"json":…}`, `{"text":…}` or `{"base64":…}`: whichever a person reads best.
    private static func bytes(_ value: JSONValue) -> [UInt8]? {
        if let json = value.member("json") { return JSONWriter.bytes(json) }
        if let text = value.member("text")?.stringValue { return Array(text.utf8) }
        return value.member("base64")?.stringValue.flatMap { Data(base64Encoded: $0) }.map { Array($0) }
    }

    private static func value(_ json: JSONValue) -> SQLValue {
        if let number = json.intValue { return .integer(number) }
        if let number = json.doubleValue { return .real(number) }
        if let text = json.stringValue { return .text(text) }
        if let flag = json.boolValue { return .bool(flag) }
        if let inner = json.member("json") { return .json(JSONWriter.bytes(inner)) }
        if let data = json.member("base64")?.stringValue.flatMap({ Data(base64Encoded: $0) }) {
            return .bytes(Array(data))
        }
        return .null
    }

    // MARK: Writing

    /// The file's text, a line for each member, so that a change is seen in a review.
    package var text: String {
        let arena = JSONArena()
        var list = JSONArrayBuilder(capacity: max(1, calls.count), in: arena)
        for call in calls { list.append(Self.json(call, in: arena)) }
        var root = JSONObjectBuilder(capacity: 3, in: arena)
        root.append(key: "recording", .int(Self.version))
        root.append(key: "recorded_at", .string(recordedAt.rfc3339, in: arena))
        root.append(key: "calls", list.finish())
        return withExtendedLifetime(arena) { JSONWriter.string(root.finish(), pretty: true) + "\n" }
    }

    private static func json(_ call: RecordedCall, in arena: JSONArena) -> JSONValue {
        var object = JSONObjectBuilder(capacity: 6, in: arena)
        object.append(key: "connector", .string(call.question.connector, in: arena))
        switch call.question {
        case .http(_, let method, let path, let body):
            object.append(key: "method", .string(method, in: arena))
            object.append(key: "path", .string(path, in: arena))
            if !body.isEmpty { object.append(key: "body", json(body, in: arena)) }
        case .database(_, let writes, let statement, let parameters):
            object.append(key: "operation", writes ? .string("write") : .string("read"))
            object.append(key: "statement", .string(statement, in: arena))
            object.append(key: "parameters", json(parameters, in: arena))
        }
        switch call.answer {
        case .reply(let reply): object.append(key: "reply", json(reply, in: arena))
        case .failure(let failure): object.append(key: "failure", json(failure, in: arena))
        case .rows(let rows):
            object.append(key: "rows", json(rows, in: arena))
        case .changed(let change):
            var inner = JSONObjectBuilder(capacity: 3, in: arena)
            inner.append(key: "rows_affected", .int(Int64(change.rowsAffected)))
            if let id = change.lastInsertID { inner.append(key: "last_insert_id", .int(id)) }
            if let rows = change.rows { inner.append(key: "rows", json(rows, in: arena)) }
            object.append(key: "changed", inner.finish())
        case .databaseFailure(let failure): object.append(key: "failure", json(failure, in: arena))
        }
        return object.finish()
    }

    private static func json(_ rows: SQLRows, in arena: JSONArena) -> JSONValue {
        var object = JSONObjectBuilder(capacity: 2, in: arena)
        object.append(key: "columns", json(rows.columns.map(SQLValue.text), in: arena))
        var values = JSONArrayBuilder(capacity: max(1, rows.rows.count), in: arena)
        for row in rows.rows { values.append(json(row, in: arena)) }
        object.append(key: "values", values.finish())
        return object.finish()
    }

    private static func json(_ reply: OutboundReply, in arena: JSONArena) -> JSONValue {
        var object = JSONObjectBuilder(capacity: 3, in: arena)
        object.append(key: "status", .int(Int64(reply.status)))
        if !reply.headers.isEmpty {
            var headers = JSONObjectBuilder(capacity: reply.headers.count, in: arena)
            for (name, value) in reply.headers { headers.append(key: name, .string(value, in: arena)) }
            object.append(key: "headers", headers.finish())
        }
        if !reply.body.isEmpty { object.append(key: "body", json(reply.body, in: arena)) }
        return object.finish()
    }

    private static func json(_ bytes: [UInt8], in arena: JSONArena) -> JSONValue {
        var object = JSONObjectBuilder(capacity: 1, in: arena)
        if let value = try? JSONReader.parse(bytes, in: arena) {  // what is no JSON is text, or neither
            object.append(key: "json", value)
        } else if let text = String(validating: bytes, as: UTF8.self) {
            object.append(key: "text", .string(text, in: arena))
        } else {
            object.append(key: "base64", .string(Base64.text(bytes), in: arena))
        }
        return object.finish()
    }

    private static func json(_ values: [SQLValue], in arena: JSONArena) -> JSONValue {
        var list = JSONArrayBuilder(capacity: max(1, values.count), in: arena)
        for value in values {
            switch value {
            case .null: list.append(.null)
            case .integer(let number): list.append(.int(number))
            case .real(let number): list.append(.double(number))
            case .text(let text): list.append(.string(text, in: arena))
            case .bytes(let bytes):
                var object = JSONObjectBuilder(capacity: 1, in: arena)
                object.append(key: "base64", .string(Base64.text(bytes), in: arena))
                list.append(object.finish())
            case .bool(let flag): list.append(.bool(flag))
            case .json(let text): list.append(json(text, in: arena))
            }
        }
        return list.finish()
    }

    private static func json(_ failure: OutboundFailure, in arena: JSONArena) -> JSONValue {
        switch failure {
        case .malformed(let reason): json("malformed", reason, in: arena)
        case .refusedAddress(let reason): json("refused_address", reason, in: arena)
        case .unreachable(let reason): json("unreachable", reason, in: arena)
        case .timedOut: json("timed_out", "", in: arena)
        case .tooLarge(let bytes): json("too_large", "", bytes: bytes, in: arena)
        case .notRecorded(let reason): json("not_recorded", reason, in: arena)
        }
    }

    private static func json(_ failure: DatabaseFailure, in arena: JSONArena) -> JSONValue {
        switch failure {
        case .unreachable(let reason): json("unreachable", reason, in: arena)
        case .timedOut: json("timed_out", "", in: arena)
        case .refused(let reason): json("refused", reason, in: arena)
        case .refusedAddress(let reason): json("refused_address", reason, in: arena)
        case .notRecorded(let reason): json("not_recorded", reason, in: arena)
        }
    }

    private static func json(
        _ kind: StaticString, _ message: String, bytes: Int? = nil, in arena: JSONArena
    ) -> JSONValue {
        var object = JSONObjectBuilder(capacity: 3, in: arena)
        object.append(key: "kind", .string(kind))
        if !message.isEmpty { object.append(key: "message", .string(message, in: arena)) }
        if let bytes { object.append(key: "bytes", .int(Int64(bytes))) }
        return object.finish()
    }
}
