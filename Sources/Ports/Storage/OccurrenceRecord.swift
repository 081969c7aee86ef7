package import Vocabulary

/// Where one occurrence of a schedule stands.
///
/// ```
/// pending ──claim──▶ claimed ──▶ completed
///    ▲ └─cancel─▶ cancelled └──▶ failed
///    └──retry── failed, skipped…, cancelled
/// ```
package enum OccurrenceStatus: UInt8, Sendable, CaseIterable {
    /// Waits for its turn.
    case pending = 0
    /// Its run is accepted: there is a trace of the same id, which waits, runs, or waits for its next attempt.
    case claimed = 1
    case completed = 2
    case failed = 3
    /// Its time passed while nobody was there; one row stands for a stretch of them.
    case skippedMisfire = 4
    /// Others were running, and it was not to wait.
    case skippedSingleton = 5
    case cancelled = 6

    package var name: String {
        switch self {
        case .pending: "pending"
        case .claimed: "claimed"
        case .completed: "completed"
        case .failed: "failed"
        case .skippedMisfire: "skipped_misfire"
        case .skippedSingleton: "skipped_singleton"
        case .cancelled: "cancelled"
        }
    }
}

/// What became of one instant of a schedule. Unique by channel and instant; its run, where it has one, is the trace
/// of the same id.
package struct OccurrenceRecord: Sendable, Equatable {
    package var id: Identifier
    package var channelID: String
    package var channel: String
    /// The instant it was due; never changes. Of a row for a stretch: the last.
    package var scheduledFor: Timestamp
    /// Started by hand, not by the clock.
    package var isManual: Bool
    package var status: OccurrenceStatus
    /// What it shares slots with; empty where runs may overlap.
    package var key: String
    /// The slot of its key that it holds while it is claimed; nil for none.
    package var slot: Int?
    /// Attempts that have ended.
    package var attempt: Int
    /// How many instants it stands for: 1, or more for `skippedMisfire`.
    package var count: Int
    /// The first instant of a stretch.
    package var firstMissed: Timestamp?
    /// A sentence for people; empty where there is nothing to say.
    package var errorMessage: String
    /// The instance that recorded it last, and the epoch it scheduled under; 0 for what was done by hand.
    package var owner: String
    package var epoch: Int64
    package var createdAt: Timestamp
    package var startedAt: Timestamp?
    package var completedAt: Timestamp?

    package init(
        id: Identifier, channelID: String, channel: String, scheduledFor: Timestamp, isManual: Bool = false,
        status: OccurrenceStatus, key: String = "", slot: Int? = nil, attempt: Int = 0, count: Int = 1,
        firstMissed: Timestamp? = nil, errorMessage: String = "", owner: String = "", epoch: Int64 = 0,
        createdAt: Timestamp, startedAt: Timestamp? = nil, completedAt: Timestamp? = nil
    ) {
        self.id = id
        self.channelID = channelID
        self.channel = channel
        self.scheduledFor = scheduledFor
        self.isManual = isManual
        self.status = status
        self.key = key
        self.slot = slot
        self.attempt = attempt
        self.count = count
        self.firstMissed = firstMissed
        self.errorMessage = errorMessage
        self.owner = owner
        self.epoch = epoch
        self.createdAt = createdAt
        self.startedAt = startedAt
        self.completedAt = completedAt
    }
}
