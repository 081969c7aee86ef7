import Synchronization
package import Telemetry

/// Spans that wait to be sent, bounded by number. Threads hand in by lanes of their own, so that they share no lock.
package final class SpanQueue: Sendable {
    private final class Lane: Sendable {
        let batches = Mutex<[SpanBatch]>([])
    }

    private let lanes: [Lane]
    private let capacity: Int
    private let held = Atomic<Int>(0)

    package init(lanes: Int, capacity: Int) {
        self.lanes = (0..<max(1, lanes)).map { _ in Lane() }
        self.capacity = capacity
    }

    /// Spans that wait or are on their way.
    package var count: Int { held.load(ordering: .relaxed) }

    /// - Returns: `false` where there is no room; nothing is kept then.
    package func add(_ batch: SpanBatch, lane: Int) -> Bool {
        let spans = batch.spans.count
        guard held.add(spans, ordering: .relaxed).newValue <= capacity else {
            held.subtract(spans, ordering: .relaxed)
            return false
        }
        lanes[lane % lanes.count].batches.withLock { $0.append(batch) }
        return true
    }

    /// All that waits. What was taken counts until ``release(_:)``.
    package func take() -> [SpanBatch] {
        lanes.flatMap { lane in
            lane.batches.withLock { batches in
                let taken = batches
                batches = []
                return taken
            }
        }
    }

    /// For spans that are delivered or given up.
    package func release(_ spans: Int) { held.subtract(spans, ordering: .relaxed) }
}
