import JSONTree
import Outbound
import SpanExport
import Synchronization
import Telemetry
import Testing
import Vocabulary

/// How spans reach the collector, and what becomes of them when they do not.
@Suite struct SpanExporterTests {
    private final class Counts: Sendable {
        private let values = Mutex<[String: Int]>([:])
        subscript(name: String) -> Int { values.withLock { $0[name] ?? 0 } }
        func note(_ event: SpanExportEvent) {
            let (name, count) =
                switch event {
                case .exported(let count): ("exported", count)
                case .dropped(let count): ("dropped", count)
                case .rejected(let count, _): ("rejected", count)
                case .failed(let count, _): ("failed", count)
                }
            values.withLock { $0[name, default: 0] += count }
        }
    }

    private static func batch(_ spans: Int) -> SpanBatch {
        let context = TraceContext.root(sampled: true)
        return SpanBatch(
            context: context,
            spans: (0..<spans).map {
                Span("s\($0)", .internal, id: Span.makeID(), parent: 0, start: 1, end: 2, attributes: [])
            }, wall: .now(), stopwatch: Stopwatch.nanoseconds())
    }

    private static func exporter(
        _ outbound: any OutboundHTTP, _ counts: Counts, capacity: Int = 100, batchSize: Int = 10,
        flush: Duration = .seconds(5)
    ) -> SpanExporter {
        SpanExporter(
            settings: .init(
                endpoint: "http://collector.example:4318/", headers: [("api-key", "k")], timeout: .seconds(1),
                capacity: capacity, batchSize: batchSize, interval: .milliseconds(50),
                retry: ExportRetry(backoff: Backoff(base: .milliseconds(1), cap: .milliseconds(2)), maxAttempts: 4),
                flush: flush),
            resource: SpanResource(serviceName: "s", version: "1", instance: "i"), outbound: outbound, lanes: 2,
            observe: { counts.note($0) })
    }

    @Test func `what waits is sent in batches to the collector's path, with its headers`() async throws {
        let outbound = ScriptedOutbound { _ in OutboundReply(status: 200, body: Array("{}".utf8)) }
        let counts = Counts()
        let exporter = Self.exporter(outbound, counts)
        let source = exporter.source(share: 1)
        for lane in 0..<4 { source.deliver(Self.batch(6), lane) }

        await exporter.exportOnce()

        #expect(counts["exported"] == 24 && counts["failed"] == 0)
        #expect(outbound.requests.count == 2)
        let first = try #require(outbound.requests.first)
        #expect(first.url == "http://collector.example:4318/v1/traces" && first.method == "POST")
        #expect(first.headers.contains { $0 == ("content-type", "application/json") })
        #expect(first.headers.contains { $0 == ("api-key", "k") } && first.allowsPrivateAddresses)
    }

    @Test func `a collector that stumbles is asked again, and its spans are sent once`() async {
        let answers = Mutex<[OutboundReply]>([
            OutboundReply(status: 503), OutboundReply(status: 429), OutboundReply(status: 200),
        ])
        let outbound = ScriptedOutbound { _ in answers.withLock { $0.removeFirst() } }
        let counts = Counts()
        let exporter = Self.exporter(outbound, counts)
        exporter.source(share: 1).deliver(Self.batch(3), 0)

        await exporter.exportOnce()
        await exporter.exportOnce()

        #expect(counts["exported"] == 3 && counts["failed"] == 0)
        #expect(outbound.requests.count == 3)
        #expect(Set(outbound.requests.map(\.body)).count == 1)
    }

    @Test(arguments: [400, 401, 404, 413, 500, 501])
    func `what the collector will never take is given up at once`(status: Int) async {
        let outbound = ScriptedOutbound { _ in OutboundReply(status: status) }
        let counts = Counts()
        let exporter = Self.exporter(outbound, counts)
        exporter.source(share: 1).deliver(Self.batch(3), 0)

        await exporter.exportOnce()

        #expect(outbound.requests.count == 1 && counts["failed"] == 3)
    }

    @Test func `a collector that is down costs its spans, after some attempts`() async {
        let outbound = ScriptedOutbound { _ throws(OutboundFailure) in throw .unreachable("nobody") }
        let counts = Counts()
        let exporter = Self.exporter(outbound, counts, capacity: 5)
        let source = exporter.source(share: 1)

        for _ in 0..<4 { source.deliver(Self.batch(2), 0) }
        await exporter.exportOnce()
        source.deliver(Self.batch(5), 1)

        #expect(counts["dropped"] == 4, "there is room for two of four")
        #expect(counts["failed"] == 4 && outbound.requests.count == 4)
        #expect(counts["exported"] == 0)
    }

    @Test(arguments: [
        (#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}"#, 2),
        (#"{"partialSuccess":{"rejectedSpans":1}}"#, 1), (#"{"partialSuccess":{"rejectedSpans":"999"}}"#, 3),
        (#"{"partialSuccess":{"rejectedSpans":"-1"}}"#, 0), (#"{"partialSuccess":{}}"#, 0), ("", 0), ("<html>", 0),
    ])
    func `what a collector refuses of a batch is counted and not sent again`(body: String, refused: Int) async {
        let outbound = ScriptedOutbound { _ in OutboundReply(status: 200, body: Array(body.utf8)) }
        let counts = Counts()
        let exporter = Self.exporter(outbound, counts)
        exporter.source(share: 1).deliver(Self.batch(3), 0)

        await exporter.exportOnce()
        await exporter.exportOnce()

        #expect(counts["rejected"] == refused && counts["exported"] == 3 - refused)
        #expect(outbound.requests.count == 1)
    }

    @Test func `a stop sends what is left, and ends in time when nobody takes it`() async {
        let taken = ScriptedOutbound { _ in OutboundReply(status: 200) }
        let refused = ScriptedOutbound { _ in OutboundReply(status: 503, headers: [("retry-after", "3600")]) }
        let counts = Counts()
        for outbound in [taken, refused] {
            let exporter = Self.exporter(outbound, counts, flush: .milliseconds(200))
            exporter.source(share: 1).deliver(Self.batch(3), 0)
            exporter.stop()
            await exporter.run()
        }

        #expect(counts["exported"] == 3 && counts["failed"] == 3)
        #expect(refused.requests.count == 1)
    }

    // MARK: Decisions

    @Test func `only what the specification calls retryable is retried, and not before it was asked for`() {
        let retry = ExportRetry()
        func decide(_ status: Int, after: String? = nil, attempts: Int = 1, remaining: Duration = .seconds(60))
            -> ExportRetry.Decision
        {
            let reply = OutboundReply(status: status, headers: after.map { [("Retry-After", $0)] } ?? [])
            return retry.decide(.success(reply), attempts: attempts, remaining: remaining, draw: 0.5)
        }

        for status in 200..<600 {
            switch decide(status) {
            case .delivered: #expect((200..<300).contains(status))
            case .again: #expect([429, 502, 503, 504].contains(status))
            case .giveUp: #expect(status >= 300 && ![429, 502, 503, 504].contains(status))
            }
        }
        #expect(decide(429, after: "7") == .again(after: .seconds(7)))
        #expect(decide(503, after: "-7") == .again(after: .milliseconds(750)))
        #expect(decide(503, after: "Fri, 31 Dec 1999 23:59:59 GMT") == .again(after: .milliseconds(750)))
        if case .again = decide(503, after: "90") { Issue.record("there is no time for that") }
        if case .again = decide(503, attempts: 5) { Issue.record("five attempts are enough") }
    }

    @Test(arguments: 1...4)
    func `pauses grow with jitter`(attempt: Int) {
        let retry = ExportRetry()
        let pauses = [0.0, 0.99].map { draw -> Duration in
            let decision = retry.decide(.failure(.timedOut), attempts: attempt, remaining: .seconds(3600), draw: draw)
            if case .again(let pause) = decision { return pause }
            return .zero
        }

        let ceiling = Duration.seconds(1 << (attempt - 1))
        #expect(pauses[0] >= ceiling / 2 && pauses[1] <= ceiling && pauses[0] < pauses[1])
    }
}
