import Synchronization
package import Vocabulary

/// The spans of one run, gathered while it goes on, by whichever thread it is on.
package final class SpanLog: Sendable {
    /// The run's own span: what is above tasks, and what calls outwards carry on.
    package let context: TraceContext
    /// What is above the run: its caller's span; 0 for none.
    package let caller: UInt64
    private let wall: Timestamp
    private let stopwatch: UInt64
    private let kept = Mutex<(spans: [Span], lost: Int)>(([], 0))

    /// A loop of ten thousand sweeps would be ten thousand spans that nobody reads.
    private static let most = 512

    package init(context: TraceContext, caller: UInt64, wall: Timestamp, stopwatch: UInt64) {
        self.context = context
        self.caller = caller
        self.wall = wall
        self.stopwatch = stopwatch
    }

    package func add(_ span: Span) {
        kept.withLock { kept in
            if kept.spans.count < Self.most { kept.spans.append(span) } else { kept.lost += 1 }
        }
    }

    /// Everything, with the run's span last.
    package func finish(
        _ name: String, _ kind: Span.Kind, start: UInt64, attributes: [Span.Attribute], failure: String?
    ) -> SpanBatch {
        let (kept, lost) = kept.withLock { $0 }
        var spans = kept
        var attributes = attributes
        if lost > 0 { attributes.append(.init("weir.spans.dropped", lost)) }
        spans.append(
            Span(
                name, kind, id: context.parent, parent: caller, start: start, end: Stopwatch.nanoseconds(),
                attributes: attributes, failure: failure))
        return SpanBatch(context: context, spans: spans, wall: wall, stopwatch: stopwatch)
    }
}

/// Spans of one trace that are over.
package struct SpanBatch: Sendable {
    package var context: TraceContext
    package var spans: [Span]
    /// One moment on both clocks: spans are measured on the one that never steps back.
    var wall: Timestamp
    var stopwatch: UInt64

    package init(context: TraceContext, spans: [Span], wall: Timestamp, stopwatch: UInt64) {
        self.context = context
        self.spans = spans
        self.wall = wall
        self.stopwatch = stopwatch
    }

    /// Nanoseconds since 1970.
    func unixNanoseconds(_ moment: UInt64) -> UInt64 {
        UInt64(max(0, wall.microseconds)) &* 1000 &+ moment &- stopwatch
    }
}

/// Where the spans of a part of a run go, and what is above them.
package struct SpanPlace: Sendable {
    package var log: SpanLog
    package var parent: UInt64

    package init(log: SpanLog, parent: UInt64) {
        self.log = log
        self.parent = parent
    }
}

/// Begins the spans of runs that are to be seen, and hands them on when they are over. There is none where spans are not
/// exported, and runs then pay for none.
package struct SpanSource: Sendable {
    /// - Parameter lane: the caller's thread, so that threads share no lock.
    package typealias Delivery = @Sendable (_ batch: SpanBatch, _ lane: Int) -> Void

    private let threshold: UInt64
    package let deliver: Delivery

    private static let chance: UInt64 = 1 << 56

    /// - Parameter share: of the traces that begin here, 0...1; one that a caller began is seen where the caller's is.
    package init(share: Double, deliver: @escaping Delivery) {
        threshold = UInt64(max(0, min(1, share)) * Double(Self.chance))
        self.deliver = deliver
    }

    /// By the caller's word; else by the trace's own name, so that every part of it decides alike (OpenTelemetry,
    /// ParentBased over TraceIdRatioBased).
    package func isSampled(_ context: TraceContext, caller: TraceContext?) -> Bool {
        caller?.isSampled ?? (context.traceLow & (Self.chance - 1) < threshold)
    }
}
