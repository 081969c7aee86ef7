package import Storage
package import Vocabulary

/// What running one queued trace came to.
package enum RunResult: Sendable, Equatable {
    case completed(result: [UInt8], steps: [UInt8])
    case failed(Problem, isRetryable: Bool, steps: [UInt8])
}

/// Runs the work of a queued trace. Implemented by the channels; the queue knows nothing of workflows.
package protocol TraceRunning: Sendable {
    /// - Parameters:
    ///   - attempt: from 1.
    ///   - timeout: the longest it may take; afterwards the run is over with `TIMEOUT`.
    func run(_ trace: QueuedTrace, attempt: Int, timeout: Duration) async -> RunResult

    /// Names of channels that are served elsewhere and not here.
    var unserved: [String] { get }
}

extension TraceRunning {
    package var unserved: [String] { [] }
}

/// An accepted run that waits for a worker.
package struct QueuedTrace: Sendable {
    package var id: Identifier
    package var channelID: String
    package var channel: String
    /// JSON text: `{"payload":…,"metadata":…,"request_id":…,"sticky_bucket":…}`.
    package var input: [UInt8]
    package var attempt: Int
    package var epoch: Int64
    package var createdAt: Timestamp
    /// The caller's trace context; empty where there was none.
    package var traceparent: String
    package var mode: TraceMode

    package init(
        id: Identifier, channelID: String, channel: String, input: [UInt8], attempt: Int, epoch: Int64,
        createdAt: Timestamp, traceparent: String = "", mode: TraceMode = .async
    ) {
        self.id = id
        self.channelID = channelID
        self.channel = channel
        self.input = input
        self.attempt = attempt
        self.epoch = epoch
        self.createdAt = createdAt
        self.traceparent = traceparent
        self.mode = mode
    }
}
