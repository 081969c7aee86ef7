package import Channels
import HTTPServing
import JSONTree
import NIOCore
import Storage
import Synchronization
package import Telemetry
package import Traces
import Vocabulary

/// `/health`, `/healthz`, `/readyz`, `/metrics`: answered on the event loop from what is known, without asking anybody.
package final class Operations: Sendable {
    private let state: ServingState
    private let queue: TraceQueue
    private let registry: MetricRegistry
    private let version: String
    private let startedAt = Stopwatch.nanoseconds()
    private let isReady = Atomic<Bool>(false)
    private let isStorageUp = Atomic<Bool>(true)
    private let gauges: @Sendable () -> Void
    private let servesMetrics: Bool
    /// As JSON.
    private let serves: String
    private let adminHeader: String
    private let clientAddress: ClientAddress
    private let maySeeDetails: @Sendable (_ key: String?, _ client: String) -> Bool

    /// - Parameters:
    ///   - gauges: brings gauges up to date before they are written.
    ///   - servesMetrics: whether `/metrics` is there at all.
    ///   - include: names and globs of the channels it serves; empty for all. `exclude` likewise.
    ///   - adminHeader: the header that carries an admin key.
    ///   - clientAddress: who is asking, for failures that count together.
    ///   - maySeeDetails: whether a caller with this key, from this address, may read metrics, and names in `/health`.
    package init(
        state: ServingState, queue: TraceQueue, registry: MetricRegistry, version: String,
        gauges: @escaping @Sendable () -> Void, servesMetrics: Bool, include: [String] = [], exclude: [String] = [],
        adminHeader: String, clientAddress: ClientAddress, maySeeDetails: @escaping @Sendable (String?, String) -> Bool
    ) {
        self.state = state
        self.queue = queue
        self.registry = registry
        self.version = version
        self.gauges = gauges
        self.servesMetrics = servesMetrics
        func list(_ names: [String]) -> String {
            var buffer = JSONByteBuffer()
            buffer.append("[")
            for (place, name) in names.enumerated() {
                if place > 0 { buffer.append(",") }
                JSONWriter.write(name, into: &buffer)
            }
            buffer.append("]")
            return String(decoding: buffer.bytes, as: UTF8.self)
        }
        serves = "{\"include\":\(list(include)),\"exclude\":\(list(exclude))}"
        self.adminHeader = adminHeader.lowercased()
        self.clientAddress = clientAddress
        self.maySeeDetails = maySeeDetails
    }

    /// Ready to take traffic; goes back first when the server is asked to stop.
    package func setReady(_ ready: Bool) { isReady.store(ready, ordering: .sequentiallyConsistent) }
    package func setStorageUp(_ isUp: Bool) { isStorageUp.store(isUp, ordering: .relaxed) }
    package var uptimeSeconds: Int { Int((Stopwatch.nanoseconds() - startedAt) / 1_000_000_000) }

    func handle(_ request: HTTPRequest, path: String, reply: HTTPReplyHandle) {
        guard request.method == .get || request.method == .head else {
            reply.send(
                Replies.problem(
                    Problem(.methodNotAllowed, "This path answers to GET and HEAD only."),
                    requestID: reply.requestID, headers: [("allow", "GET, HEAD")]))
            return
        }
        switch path {
        case "/health": reply.send(health(showsDetails: maySee(request)))
        case "/healthz": reply.send(Self.json(200, "{\"status\":\"ok\"}"))
        case "/readyz": reply.send(readiness())
        default: reply.send(metrics(request, reply))
        }
    }

    private func maySee(_ request: HTTPRequest) -> Bool {
        maySeeDetails(request.headerValue(adminHeader), clientAddress.client(of: request))
    }

    private static func json(_ status: UInt16, _ body: String) -> HTTPResponse {
        HTTPResponse(status: status, contentType: Replies.json, headers: [], body: ByteBuffer(string: body))
    }

    private func readiness() -> HTTPResponse {
        let storage = isStorageUp.load(ordering: .relaxed)
        let ready = isReady.load(ordering: .relaxed) && storage
        return Self.json(
            ready ? 200 : 503,
            """
            {"status":"\(ready ? "ready" : "not_ready")","components":{"database":"\(storage ? "ok" : "error")",\
            "engine":"ok","initialized":\(isReady.load(ordering: .relaxed))},"serves":\(serves)}
            """)
    }

    /// - Parameter showsDetails: whether names of channels and reasons are for the caller's eyes.
    private func health(showsDetails: Bool) -> HTTPResponse {
        let storage = isStorageUp.load(ordering: .relaxed)
        let snapshot = state.current
        let isDegraded = !storage || !snapshot.quarantined.isEmpty
        var body = JSONByteBuffer()
        body.append("{\"status\":")
        JSONWriter.write(isDegraded ? "degraded" : "ok", into: &body)
        body.append(",\"version\":")
        JSONWriter.write(version, into: &body)
        body.append(",\"uptime_seconds\":")
        body.append(integer: Int64(uptimeSeconds))
        body.append(",\"workflows_loaded\":")
        body.append(integer: Int64(snapshot.workflowCount))
        body.append(storage ? ",\"components\":{\"database\":\"ok\"" : ",\"components\":{\"database\":\"error\"")
        body.append(
            snapshot.quarantined.isEmpty
                ? ",\"engine\":\"ok\",\"channels\":\"ok\"}" : ",\"engine\":\"ok\",\"channels\":\"degraded\"}")
        body.append(",\"quarantined_channels\":[")
        let issues = showsDetails ? Array(snapshot.quarantined.values) : []
        for (place, issue) in issues.sorted(by: { $0.channel < $1.channel }).enumerated() {
            if place > 0 { body.append(",") }
            body.append("{\"channel\":")
            JSONWriter.write(issue.channel, into: &body)
            body.append(",\"workflow_id\":")
            JSONWriter.write(issue.workflowID, into: &body)
            body.append(",\"reason\":")
            JSONWriter.write(issue.message, into: &body)
            body.append("}")
        }
        body.append("],\"trace_queue\":{\"depth\":")
        body.append(integer: Int64(queue.bounds.totalCount))
        body.append(",\"bytes\":")
        body.append(integer: Int64(queue.bounds.totalBytes))
        body.append("}}")
        return HTTPResponse(
            status: storage ? 200 : 503, contentType: Replies.json, headers: [],
            body: body.withUnsafeBytes { ByteBuffer(bytes: $0) })
    }

    private func metrics(_ request: HTTPRequest, _ reply: HTTPReplyHandle) -> HTTPResponse {
        guard servesMetrics else {
            return Replies.problem(
                Problem(.notFound, "The metrics are switched off (metrics.enabled)."), requestID: reply.requestID)
        }
        guard maySee(request) else {
            return Replies.problem(
                Problem(.unauthorized, "The metrics need an admin key."), requestID: reply.requestID,
                headers: [("www-authenticate", "Bearer")])
        }
        gauges()
        return HTTPResponse(
            status: 200, contentType: "text/plain; version=0.0.4", headers: [],
            body: ByteBuffer(bytes: registry.prometheusText()))
    }
}
