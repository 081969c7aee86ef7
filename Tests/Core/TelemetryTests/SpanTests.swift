import JSONTree
import Telemetry
import Testing
import Vocabulary

/// Spans, whose they are, and how they are written.
@Suite struct SpanTests {
    private static func document(_ batches: [SpanBatch]) throws -> OwnedJSON {
        var buffer = JSONByteBuffer()
        OTLPDocument.write(
            batches, of: SpanResource(serviceName: "sh\"op", version: "1.2", instance: "i-1"), into: &buffer)
        return try OwnedJSON(parsing: buffer.bytes)
    }

    @Test func `ids are hexadecimal, times are strings of nanoseconds, and parents are linked`() throws {
        let caller = try #require(TraceContext(traceparent: "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"))
        let start = Stopwatch.nanoseconds()
        let log = SpanLog(
            context: caller.child(0x0000_0000_0000_00AB), caller: caller.parent,
            wall: Timestamp(microseconds: 1_700_000_000_000_000), stopwatch: start)
        log.add(
            Span(
                "task a", .internal, id: 0x1234, parent: log.context.parent, start: start + 1_000,
                end: start + 2_001_000, attributes: [.init("weir.task.id", "a"), .init("n", 7)], failure: "broke"))
        let batch = log.finish("POST /x", .server, start: start - 5_000, attributes: [], failure: nil)

        let json = try Self.document([batch])
        let resource = json.value.member("resourceSpans")?[0]
        let spans = try #require(resource?.member("scopeSpans")?[0].member("spans"))
        let (task, root) = (spans[0], spans[1])

        func text(_ span: JSONValue, _ name: String) -> String? { span.member(name)?.stringValue }
        #expect(
            text(task, "traceId") == "0af7651916cd43dd8448eb211c80319c"
                && text(task, "traceId") == text(root, "traceId"))
        #expect(text(task, "spanId") == "0000000000001234" && text(task, "parentSpanId") == "00000000000000ab")
        #expect(text(root, "spanId") == "00000000000000ab" && text(root, "parentSpanId") == "00f067aa0ba902b7")
        #expect(text(task, "startTimeUnixNano") == "1700000000000001000")
        #expect(text(task, "endTimeUnixNano") == "1700000000002001000")
        #expect(text(root, "startTimeUnixNano") == "1699999999999995000")
        #expect(task.member("kind")?.intValue == 1 && root.member("kind")?.intValue == 2)
        #expect(task.member("status")?.member("code")?.intValue == 2 && root.member("status") == nil)
        let attributes = try #require(task.member("attributes"))
        #expect(attributes[0].member("value")?.member("stringValue")?.stringValue == "a")
        #expect(attributes[1].member("value")?.member("intValue")?.stringValue == "7", "64 bits are strings")
        let named = resource?.member("resource")?.member("attributes")
        #expect(named?[0].member("value")?.member("stringValue")?.stringValue == "sh\"op")
        withExtendedLifetime(json) {}
    }

    @Test func `a root without a caller has no parent`() throws {
        let log = SpanLog(context: .root(), caller: 0, wall: .now(), stopwatch: Stopwatch.nanoseconds())

        let json = try Self.document([
            log.finish("x", .server, start: Stopwatch.nanoseconds(), attributes: [], failure: nil)
        ])

        let span = json.value.member("resourceSpans")?[0].member("scopeSpans")?[0].member("spans")?[0]
        #expect(span?.member("parentSpanId") == nil)
        withExtendedLifetime(json) {}
    }

    @Test func `a run keeps only so many spans, and says how many it lost`() {
        let log = SpanLog(context: .root(), caller: 0, wall: .now(), stopwatch: Stopwatch.nanoseconds())
        for _ in 0..<600 {
            log.add(Span("s", .internal, id: 1, parent: 2, start: 0, end: 0, attributes: []))
        }

        let batch = log.finish("x", .server, start: 0, attributes: [], failure: nil)

        #expect(batch.spans.count == 513)
        #expect(batch.spans.last?.attributes == [.init("weir.spans.dropped", 88)])
    }

    @Test func `a caller's word decides; else the trace's name does, the same for every part of it`() {
        let half = SpanSource(share: 0.5) { _, _ in }
        let none = SpanSource(share: 0) { _, _ in }
        let all = SpanSource(share: 1) { _, _ in }
        var seen = 0
        for _ in 0..<2000 {
            let context = TraceContext.root(of: .make())
            seen += half.isSampled(context, caller: nil) ? 1 : 0
            #expect(half.isSampled(context, caller: nil) == half.isSampled(context.child(), caller: nil))
            #expect(all.isSampled(context, caller: nil) && !none.isSampled(context, caller: nil))
            #expect(none.isSampled(context, caller: .root(sampled: true)))
            #expect(!all.isSampled(context, caller: .root(sampled: false)))
        }
        #expect((800...1200).contains(seen))
    }
}
