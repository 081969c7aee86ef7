import Outbound
import Telemetry
import Vocabulary
import Workflows

/// The client spans of calls through connectors, by OpenTelemetry's semantic conventions for HTTP and databases.
enum CallSpans {
    /// - Parameters:
    ///   - url: the connector's; its user information and query may hold secrets and are left out.
    ///   - resends: attempts before this one.
    static func http(
        _ call: ConnectorCall, in place: SpanPlace, id: UInt64, url: String, start: UInt64, resends: Int,
        outcome: Result<OutboundReply, CallFault>
    ) {
        let (address, port, shown) = target(url, path: call.path)
        var attributes: [Span.Attribute] = [
            .init("http.request.method", call.method), .init("server.address", address), .init("server.port", port),
            .init("url.full", shown), .init("weir.connector", call.connector),
        ]
        if resends > 0 { attributes.append(.init("http.request.resend_count", resends)) }
        var failure: String?
        switch outcome {
        case .success(let reply):
            attributes.append(.init("http.response.status_code", reply.status))
            if reply.status >= 400 {
                attributes.append(.init("error.type", String(reply.status)))
                failure = "answered \(reply.status)"
            }
        case .failure(let error):
            let type = error.kind
            attributes.append(.init("error.type", type))
            failure = type
        }
        place.log.add(
            Span(
                call.method, .client, id: id, parent: place.parent, start: start, end: Stopwatch.nanoseconds(),
                attributes: attributes, failure: failure))
    }

    private static func target(_ url: String, path: String) -> (address: String, port: Int, shown: String) {
        let isSecure = url.hasPrefix("https:")
        let rest = url.drop { $0 != ":" }.drop { $0 == ":" || $0 == "/" }
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let host = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
        var base = rest.dropFirst(authority.count).prefix { $0 != "?" && $0 != "#" }
        while base.hasSuffix("/") { base = base.dropLast() }
        let below = path.drop { $0 == "/" }.prefix { $0 != "?" && $0 != "#" }
        let shown = "\(isSecure ? "https" : "http")://\(host)\(base)\(below.isEmpty ? "" : "/")\(below)"
        let end = host.lastIndex(of: "]") ?? host.startIndex
        guard let colon = host[end...].lastIndex(of: ":"), let port = Int(host[host.index(after: colon)...]) else {
            return (String(host), isSecure ? 443 : 80, shown)
        }
        return (String(host[..<colon]), port, shown)
    }

    /// The statement holds no values: they are parameters.
    static func database(
        _ call: DatabaseCall, in place: SpanPlace, system: String, start: UInt64, failure: TaskFailure?
    ) {
        let operation = String(call.statement.drop { $0.isWhitespace }.prefix { $0.isLetter }).uppercased()
        var attributes: [Span.Attribute] = [
            .init("db.system.name", system), .init("db.operation.name", operation),
            .init("db.query.text", String(call.statement.prefix(2048))), .init("weir.connector", call.connector),
        ]
        if let failure { attributes.append(.init("error.type", failure.code)) }
        place.log.add(
            Span(
                operation, .client, id: Span.makeID(), parent: place.parent, start: start,
                end: Stopwatch.nanoseconds(), attributes: attributes, failure: failure?.message))
    }

    /// Keys may say who somebody is: they are left out.
    static func cache(
        _ operation: CacheCall.Operation, connector: String, in place: SpanPlace, start: UInt64, resends: Int,
        failure: TaskFailure?
    ) {
        let name =
            switch operation {
            case .read: "GET"
            case .write: "SET"
            case .delete: "DEL"
            case .increment: "INCRBY"
            }
        var attributes: [Span.Attribute] = [
            .init("db.system.name", "redis"), .init("db.operation.name", name), .init("weir.connector", connector),
        ]
        if case .read(let keys) = operation, keys.count > 1 {
            attributes.append(.init("db.operation.batch.size", keys.count))
        }
        if resends > 0 { attributes.append(.init("weir.resend_count", resends)) }
        if let failure { attributes.append(.init("error.type", failure.code)) }
        place.log.add(
            Span(
                name, .client, id: Span.makeID(), parent: place.parent, start: start, end: Stopwatch.nanoseconds(),
                attributes: attributes, failure: failure?.message))
    }
}
