import Telemetry
import Testing

@Suite struct TraceContextTests {
    static let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test func `a header is read and written the same`() {
        let context = TraceContext(traceparent: Self.valid)

        #expect(context?.traceparent == Self.valid)
        #expect(context?.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(context?.isSampled == true)
    }

    @Test(arguments: 0..<50)
    func `whatever we make can be read`(_: Int) {
        let context = TraceContext.root(sampled: true)

        #expect(TraceContext(traceparent: context.traceparent) == context)
    }

    @Test func `a child stays in the trace under a span of its own`() throws {
        let parent = try #require(TraceContext(traceparent: Self.valid))

        let child = parent.child()

        #expect(child.traceID == parent.traceID)
        #expect(child.parent != parent.parent)
        #expect(child.isSampled)
    }

    @Test func `a later version may say more`() {
        #expect(TraceContext(traceparent: "cc" + Self.valid.dropFirst(2) + "-more") != nil)
    }

    @Test(arguments: [
        "", "00", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", valid + "-more", "cc" + valid.dropFirst(2) + "more",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
    ])
    func `a malformed header is none`(text: String) {
        #expect(TraceContext(traceparent: text) == nil)
    }
}
