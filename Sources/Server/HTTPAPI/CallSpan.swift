import Channels
import JSONTree
import Telemetry
import Vocabulary
import Workflows

/// The span of a call on the data plane, above the spans of its tasks.
struct CallSpan: Sendable {
    let source: SpanSource
    let log: SpanLog
    let path: String

    /// - Returns: nil where spans are not exported, or this trace is not sampled.
    static func begin(_ intake: Intake, _ origin: RunOrigin, source: SpanSource?, at now: Timestamp) -> CallSpan? {
        guard let source else { return nil }
        let caller = intake.traceparent?.stringValue.flatMap { TraceContext(traceparent: $0) }
        guard source.isSampled(origin.traceContext, caller: caller) else { return nil }
        return CallSpan(
            source: source,
            log: SpanLog(
                context: origin.traceContext.sampled, caller: caller?.parent ?? 0, wall: now,
                stopwatch: Stopwatch.nanoseconds()), path: intake.path ?? "")
    }

    private func attributes(
        _ channel: ServedChannel, _ id: Identifier, _ requestID: String, method: String, status: Int
    ) -> [Span.Attribute] {
        [
            .init("http.request.method", method), .init("http.route", Self.route(channel)), .init("url.path", path),
            .init("http.response.status_code", status), .init("weir.channel", channel.name),
            .init("weir.trace_id", id.description), .init("weir.request_id", requestID),
        ]
    }

    private static func route(_ channel: ServedChannel) -> String {
        "/api/v1/data" + (channel.routePattern ?? "/\(channel.name)")
    }

    func finish(
        _ ended: ChannelRun, id: Identifier, requestID: String, status: Int, lane: Int
    ) {
        let method = ended.run.metadata.member("http_method")?.stringValue ?? "POST"
        var attributes = attributes(ended.channel, id, requestID, method: method, status: status)
        attributes += ended.run.spanAttributes
        if let failure = ended.run.failure { attributes.append(.init("error.type", failure.code.rawValue)) }
        // What a caller did wrong is no failure of ours.
        source.deliver(
            log.finish(
                "\(method) \(Self.route(ended.channel))", .server, start: ended.startedAt, attributes: attributes,
                failure: status >= 500 ? ended.run.failure?.message ?? "answered \(status)" : nil), lane)
    }

    /// For work that was accepted: what its attempts hang below.
    func finishAccepted(
        _ channel: ServedChannel, id: Identifier, requestID: String, method: String, receivedAt: UInt64, status: Int
    ) {
        let attributes = attributes(channel, id, requestID, method: method, status: status)
        source.deliver(
            log.finish(
                "accept \(channel.name)", .producer, start: receivedAt, attributes: attributes,
                failure: status >= 500 ? "answered \(status)" : nil), Int(id.low & 0xFF))
    }
}
