import JSONTree
import Storage
import Vocabulary

/// Traces and dead letters.
enum TraceHandlers {
    private static let filters = [
        "status", "channel", "mode", "limit", "offset", "cursor", "include_total", "sort_order",
    ]

    static let routes: [AdminRoute] = [
        .init(
            "GET", "/api/v1/data/traces/{id}", tag: "data", "One trace, with its token", query: ["token"],
            answer: .plain("Trace"),
            access: .open
        ) { try await readForCaller($0, $1) },
        .init(
            "GET", "/api/v1/admin/traces", tag: "traces", "List traces, newest first", query: filters,
            answer: .page("TraceRow")
        ) { try await list($0, $1) },
        .init(
            "GET", "/api/v1/admin/traces/{id}", tag: "traces", "One trace with its tasks", answer: .one("Trace"),
            access: .open
        ) { try await read($0, $1) },
        .init(
            "GET", "/api/v1/admin/trace-dlq", tag: "dead letters", "List dead letters", query: filters,
            answer: .page("TraceRow")
        ) { try await dead($0, $1) },
        .init(
            "GET", "/api/v1/admin/trace-dlq/{id}", tag: "dead letters", "One dead letter with its input",
            answer: .one("DeadLetter")
        ) { try await inspect($0, $1) },
        .init(
            "POST", "/api/v1/admin/trace-dlq/purge", tag: "dead letters", "Delete old dead letters", body: "Purge",
            answer: .one("Purged")
        ) { try await purge($0, $1) },
        .init(
            "POST", "/api/v1/admin/trace-dlq/requeue", tag: "dead letters", "Run dead letters again, by filter",
            body: "Requeue", answer: .one("Requeued")
        ) { try await requeueMany($0, $1) },
        .init(
            "POST", "/api/v1/admin/trace-dlq/{id}/requeue", tag: "dead letters", "Run one dead letter again",
            answer: .one("Requeued")
        ) { try await requeue($0, $1) },
    ]

    private static func identifier(_ text: String) throws(Problem) -> Identifier {
        guard let id = Identifier(text) else { throw Problem(.notFound, "There is no trace `\(text.prefix(64))`.") }
        return id
    }

    private static func read(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let record = try await find(api, call)
        return .data(headers: unstored(call)) {
            TraceDocument.writeDetail(record, isRunning: api.control.isRunning(record.id), into: &$0)
        }
    }

    /// The data plane's way to say it: the trace itself, as its other replies are.
    private static func readForCaller(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let record = try await find(api, call)
        var buffer = JSONByteBuffer()
        TraceDocument.writeDetail(record, isRunning: api.control.isRunning(record.id), into: &buffer)
        return AdminResponse(status: 200, headers: unstored(call), body: buffer.bytes)
    }

    /// A token in a query ends up in logs of everything on the way: it works, and clients are told to stop.
    private static func unstored(_ call: AdminCall) -> [(String, String)] {
        [("cache-control", "no-store")] + (call.query["token"] == nil ? [] : [("deprecation", "true")])
    }

    /// With the trace's own token, with an admin key, or, where no admin keys are set (loopback only), by anybody.
    private static func find(_ api: AdminAPI, _ call: AdminCall) async throws -> TraceRecord {
        let id = try identifier(call.parameters[0])
        let record = try await api.store.trace(id)
        if let token = call.request.header("x-trace-token") ?? call.query["token"] {
            guard let record, !record.tokenHash.isEmpty, api.tokenMatches(token, record.tokenHash) else {
                throw Problem(.unauthorized, "This token does not read this trace.")
            }
        } else {
            _ = try api.authenticate(call.request)
        }
        guard let record else { throw Problem(.notFound, "There is no trace `\(id)`.") }
        return record
    }

    private static func filter(_ query: [String: String]) throws(Problem) -> TraceFilter {
        var filter = TraceFilter()
        if let status = query["status"] {
            guard let known = TraceStatus.allCases.first(where: { $0.name == status }) else {
                throw Problem(
                    .validation, "There is no trace status `\(status.prefix(64))`.",
                    details: [
                        .init("status", .invalid, "This is no status.", expected: "pending, running, completed, failed")
                    ])
            }
            filter.status = known
        }
        filter.channel = query["channel"]
        if let mode = query["mode"] {
            guard let known = TraceMode.allCases.first(where: { $0.name == mode }) else {
                throw Problem(
                    .validation, "The mode must be sync, async or cron.",
                    details: [.init("mode", .invalid, "This is no mode.", expected: "sync, async, cron")])
            }
            filter.mode = known
        }
        return filter
    }

    private static func list(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        try await page(api, call, filter: try filter(call.query))
    }

    private static func dead(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        var filter = try filter(call.query)
        filter.isDead = true
        return try await page(api, call, filter: filter)
    }

    private static func page(_ api: AdminAPI, _ call: AdminCall, filter: TraceFilter) async throws -> AdminResponse {
        var before: Identifier?
        if let cursor = call.query["cursor"] {
            guard call.query["offset"] == nil, let parsed = Identifier(cursor) else {
                throw Problem(.validation, "The cursor is not one of ours, or comes with an offset.")
            }
            before = parsed
        }
        let records = try await api.store.traces(
            filter, before: before, limit: call.limit + 1, offset: call.offset,
            ascending: call.isAscending && before == nil)
        let shown = records.prefix(call.limit)
        let total = call.flag("include_total") ? try await api.store.countTraces(filter) : nil
        var buffer = JSONByteBuffer()
        buffer.append("{\"data\":[")
        for (place, record) in shown.enumerated() {
            if place > 0 { buffer.append(",") }
            TraceDocument.writeRow(record, isRunning: api.control.isRunning(record.id), into: &buffer)
            buffer.append("}")
        }
        buffer.append("],\"limit\":")
        buffer.append(integer: Int64(call.limit))
        buffer.append(",\"offset\":")
        buffer.append(integer: Int64(call.offset))
        if let total {
            buffer.append(",\"total\":")
            buffer.append(integer: Int64(total))
        }
        if records.count > shown.count, !call.isAscending, let last = shown.last {
            buffer.append(",\"next_cursor\":")
            JSONWriter.write(last.id.description, into: &buffer)
        }
        buffer.append("}")
        return AdminResponse(status: 200, headers: [("cache-control", "no-store")], body: buffer.bytes)
    }

    private static func inspect(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let id = try identifier(call.parameters[0])
        guard let record = try await api.store.trace(id), record.isDead else {
            throw Problem(.notFound, "There is no dead letter `\(id)`.")
        }
        return .data(headers: [("cache-control", "no-store")]) { buffer in
            buffer.append("{\"trace\":")
            TraceDocument.writeDetail(record, isRunning: false, into: &buffer)
            buffer.append(",\"input\":")
            buffer.append(record.input.isEmpty ? Array("null".utf8) : record.input)
            buffer.append("}")
        }
    }

    private static func requeue(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let id = try identifier(call.parameters[0])
        let moved = try await api.store.requeue([id], filter: TraceFilter(), now: api.clock.now())
        guard moved == 1 else { throw Problem(.notFound, "There is no dead letter `\(id)`.") }
        try await audit(api, call, "requeue", id.description)
        return count("requeued", moved)
    }

    private static func requeueMany(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let body = call.body
        guard body.isObject else { throw Problem(.validation, "The body must be an object.") }
        var query: [String: String] = [:]
        for name in ["channel", "mode"] { query[name] = body.member(name)?.stringValue }
        let moved = try await api.store.requeue(nil, filter: try filter(query), now: api.clock.now())
        try await audit(api, call, "requeue", query["channel"] ?? "*")
        return count("requeued", moved)
    }

    private static func purge(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let body = call.body
        guard let hours = body.member("older_than_hours")?.intValue, hours >= 0, hours < 1_000_000 else {
            throw Problem(
                .validation, "The body must have older_than_hours.",
                details: [.init("body.older_than_hours", .required, "Hours, 0 for all dead letters.")])
        }
        let purged = try await api.store.purgeDead(before: api.clock.now() + .seconds(-3600 * hours))
        try await audit(api, call, "purge", "trace-dlq")
        return count("purged", purged)
    }

    private static func audit(_ api: AdminAPI, _ call: AdminCall, _ action: String, _ id: String) async throws {
        try await api.store.appendAudit([AuditEntry.make(call, action: action, "trace", id, at: api.clock.now())])
    }

    private static func count(_ name: String, _ number: Int) -> AdminResponse {
        .data { buffer in
            buffer.append("{")
            JSONWriter.write(name, into: &buffer)
            buffer.append(":")
            buffer.append(integer: Int64(number))
            buffer.append("}")
        }
    }
}
