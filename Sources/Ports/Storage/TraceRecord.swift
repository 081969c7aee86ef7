package import Vocabulary

package enum TraceStatus: UInt8, Sendable, CaseIterable {
    case pending = 0
    case running = 1
    case completed = 2
    case failed = 3

    package var name: String {
        switch self {
        case .pending: "pending"
        case .running: "running"
        case .completed: "completed"
        case .failed: "failed"
        }
    }
}

package enum TraceMode: UInt8, Sendable, CaseIterable {
    case sync = 0
    case async = 1
    /// The run of an occurrence of a schedule, which has the same id: its end is written to the ledger with it.
    case cron = 2

    package var name: String {
        switch self {
        case .sync: "sync"
        case .async: "async"
        case .cron: "cron"
        }
    }
}

/// The durable record of one run.
package struct TraceRecord: Sendable, Equatable {
    package var id: Identifier
    package var channelID: String
    package var channel: String
    package var mode: TraceMode
    package var status: TraceStatus
    /// What is needed to run it (again): JSON text of payload and metadata, masked for sync traces. Empty once an async run is done and needs no retry.
    package var input: [UInt8]
    /// JSON text of the reply or of the whole message.
    package var result: [UInt8]
    /// JSON text of the steps.
    package var steps: [UInt8]
    /// A sentence for people; empty when nothing failed.
    package var errorMessage: String
    /// SHA-256 of the token that may read it; empty where there is none.
    package var tokenHash: [UInt8]
    /// How many times it has been started or rescued, from 0.
    package var attempt: Int
    /// Used up its retries and waits for an operator.
    package var isDead: Bool
    /// The instance that holds it, and the fencing number of that hold. A settlement with an older epoch is refused.
    package var owner: String
    package var epoch: Int64
    /// Not to be started before.
    package var dueAt: Timestamp
    package var createdAt: Timestamp
    package var startedAt: Timestamp?
    package var completedAt: Timestamp?
    /// The caller's W3C trace context; empty where there was none.
    package var traceparent: String

    package init(
        id: Identifier, channelID: String, channel: String, mode: TraceMode, status: TraceStatus, input: [UInt8] = [],
        result: [UInt8] = [], steps: [UInt8] = [], errorMessage: String = "", tokenHash: [UInt8] = [],
        attempt: Int = 0, isDead: Bool = false, owner: String = "", epoch: Int64 = 0, dueAt: Timestamp,
        createdAt: Timestamp, startedAt: Timestamp? = nil, completedAt: Timestamp? = nil, traceparent: String = ""
    ) {
        self.id = id
        self.channelID = channelID
        self.channel = channel
        self.mode = mode
        self.status = status
        self.input = input
        self.result = result
        self.steps = steps
        self.errorMessage = errorMessage
        self.tokenHash = tokenHash
        self.attempt = attempt
        self.isDead = isDead
        self.owner = owner
        self.epoch = epoch
        self.dueAt = dueAt
        self.createdAt = createdAt
        self.startedAt = startedAt
        self.completedAt = completedAt
        self.traceparent = traceparent
    }
}

/// How a run of an async trace ended, or that it goes back to wait for its next attempt.
package struct TraceSettlement: Sendable, Equatable {
    package var id: Identifier
    package var mode: TraceMode
    /// Applied only while the row still has this owner and epoch.
    package var owner: String
    package var epoch: Int64
    package var status: TraceStatus
    package var result: [UInt8]
    package var steps: [UInt8]
    package var errorMessage: String
    package var attempt: Int
    package var isDead: Bool
    /// Keep the input: it will be run again, or an operator may requeue it.
    package var keepsInput: Bool
    package var dueAt: Timestamp
    package var startedAt: Timestamp?
    package var completedAt: Timestamp?

    package init(
        id: Identifier, mode: TraceMode = .async, owner: String, epoch: Int64, status: TraceStatus,
        result: [UInt8] = [], steps: [UInt8] = [], errorMessage: String = "", attempt: Int, isDead: Bool = false,
        keepsInput: Bool = false, dueAt: Timestamp,
        startedAt: Timestamp? = nil, completedAt: Timestamp? = nil
    ) {
        self.id = id
        self.mode = mode
        self.owner = owner
        self.epoch = epoch
        self.status = status
        self.result = result
        self.steps = steps
        self.errorMessage = errorMessage
        self.attempt = attempt
        self.isDead = isDead
        self.keepsInput = keepsInput
        self.dueAt = dueAt
        self.startedAt = startedAt
        self.completedAt = completedAt
    }
}
