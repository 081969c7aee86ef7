import JSONTree
package import Outbound
import Synchronization
package import Telemetry
import Vocabulary

/// Sends spans to an OpenTelemetry collector, in batches, beside everything else: no request waits for it, and a collector
/// that is down costs spans and nothing more.
package final class SpanExporter: Sendable {
    package struct Settings: Sendable {
        /// The collector's base URL; `/v1/traces` is added.
        package var endpoint: String
        package var headers: [(name: String, value: String)]
        /// For one attempt.
        package var timeout: Duration
        /// Spans that may wait or be on their way; beyond it new ones are dropped.
        package var capacity: Int
        /// Spans of one request, about: a run's spans stay together.
        package var batchSize: Int
        /// The longest a span waits while the collector takes them.
        package var interval: Duration
        package var retry: ExportRetry
        /// How long after ``stop()`` sending may begin.
        package var flush: Duration

        package init(
            endpoint: String, headers: [(name: String, value: String)], timeout: Duration, capacity: Int,
            batchSize: Int, interval: Duration, retry: ExportRetry = ExportRetry(), flush: Duration = .seconds(5)
        ) {
            self.endpoint = endpoint
            self.headers = headers
            self.timeout = timeout
            self.capacity = capacity
            self.batchSize = batchSize
            self.interval = interval
            self.retry = retry
            self.flush = flush
        }
    }

    private let settings: Settings
    private let resource: SpanResource
    private let outbound: any OutboundHTTP
    private let queue: SpanQueue
    private let observe: @Sendable (SpanExportEvent) -> Void
    /// ``Stopwatch`` nanoseconds after which nothing is sent any more; 0 while it runs.
    private let end = Atomic<UInt64>(0)

    private static let tick: Duration = .milliseconds(50)

    package init(
        settings: Settings, resource: SpanResource, outbound: any OutboundHTTP, lanes: Int,
        observe: @escaping @Sendable (SpanExportEvent) -> Void
    ) {
        self.settings = settings
        self.resource = resource
        self.outbound = outbound
        self.observe = observe
        queue = SpanQueue(lanes: lanes, capacity: settings.capacity)
    }

    /// - Parameter share: of the traces that begin here, 0...1.
    package func source(share: Double) -> SpanSource {
        SpanSource(share: share) { [queue, observe] batch, lane in
            if !queue.add(batch, lane: lane) { observe(.dropped(batch.spans.count)) }
        }
    }

    /// Sends until ``stop()``, then what is left.
    package func run() async {
        var idle = Duration.zero
        while end.load(ordering: .relaxed) == 0 {
            try? await Task.sleep(for: Self.tick)  // cancelled: the loop ends by its flag
            idle += Self.tick
            guard queue.count >= settings.batchSize || idle >= settings.interval else { continue }
            idle = .zero
            await exportOnce()
        }
        await exportOnce()
    }

    /// No more is gathered for long: ``run()`` returns when what there is has been sent, or the time for it is up.
    package func stop() {
        end.store(Stopwatch.nanoseconds() + UInt64(settings.flush.wholeMilliseconds) * 1_000_000, ordering: .relaxed)
    }

    /// Everything that waits now.
    package func exportOnce() async {
        var part: [SpanBatch] = []
        var spans = 0
        for batch in queue.take() {
            part.append(batch)
            spans += batch.spans.count
            guard spans >= settings.batchSize else { continue }
            await send(part, spans)
            part = []
            spans = 0
        }
        if spans > 0 { await send(part, spans) }
    }

    private func send(_ batches: [SpanBatch], _ spans: Int) async {
        defer { queue.release(spans) }
        var buffer = JSONByteBuffer(capacity: 256 * spans)
        OTLPDocument.write(batches, of: resource, into: &buffer)
        let body = buffer.bytes
        var attempts = 0
        while true {
            guard remaining > .zero else { return observe(.failed(spans, "the server stops")) }
            attempts += 1
            let outcome = await attempt(body)
            switch settings.retry.decide(
                outcome, attempts: attempts, remaining: remaining, draw: Double.random(in: 0..<1))
            {
            case .delivered: return delivered(spans, outcome)
            case .giveUp(let reason): return observe(.failed(spans, reason))
            case .again(let pause): await wait(pause)
            }
        }
    }

    private func attempt(_ body: [UInt8]) async -> Result<OutboundReply, OutboundFailure> {
        var base = Substring(settings.endpoint)
        while base.hasSuffix("/") { base = base.dropLast() }
        // Where the collector is, is the operator's word: it may well be on this machine.
        let request = OutboundRequest(
            method: "POST", url: base + "/v1/traces",
            headers: [("content-type", "application/json"), ("user-agent", "weir")] + settings.headers, body: body,
            timeout: min(settings.timeout, remaining), maxReplyBytes: 64 << 10, allowsPrivateAddresses: true)
        do throws(OutboundFailure) { return .success(try await outbound.send(request)) } catch {
            return .failure(error)
        }
    }

    /// A collector may take some spans and refuse others; those are not sent again.
    private func delivered(_ spans: Int, _ outcome: Result<OutboundReply, OutboundFailure>) {
        var refused = 0
        var reason = ""
        if case .success(let reply) = outcome, let json = try? OwnedJSON(parsing: reply.body) {  // may have no body
            json.read { root in
                let partial = root.member("partialSuccess") ?? root.member("partial_success")
                let count = partial?.member("rejectedSpans") ?? partial?.member("rejected_spans")
                let number = count?.intValue ?? count?.stringValue.flatMap { Int64($0) } ?? 0
                refused = Int(max(0, min(number, Int64(spans))))
                reason = partial?.member("errorMessage")?.stringValue ?? ""
            }
        }
        observe(.exported(spans - refused))
        if refused > 0 { observe(.rejected(refused, reason)) }
    }

    private var remaining: Duration {
        let end = end.load(ordering: .relaxed)
        guard end != 0 else { return .seconds(3600) }
        let now = Stopwatch.nanoseconds()
        return end > now ? .nanoseconds(Int64(end - now)) : .zero
    }

    /// Waits in small steps, so that a stop is heard.
    private func wait(_ pause: Duration) async {
        var left = pause
        while left > .zero, end.load(ordering: .relaxed) == 0 {
            let step = min(left, Self.tick)
            try? await Task.sleep(for: step)  // cancelled: the next attempt only comes sooner, and they are counted
            left -= step
        }
    }
}

/// What the exporter tells metrics and logs.
package enum SpanExportEvent: Sendable {
    case exported(Int)
    /// There was no room for them.
    case dropped(Int)
    /// The collector took the request and not these.
    case rejected(Int, String)
    /// They could not be delivered.
    case failed(Int, String)
}
