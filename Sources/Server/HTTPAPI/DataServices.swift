package import Channels
package import JSONTree
import Storage
import Telemetry
package import Traces
package import Vocabulary
import Workflows

/// What the data plane works with; put together once by `Assembly`.
package struct DataServices: Sendable {
    package var state: ServingState
    package var queue: TraceQueue
    package var writer: TraceWriter
    package var background: BackgroundRuns
    package var platformLimits: PlatformLimits
    package var clientAddress: ClientAddress
    package var jsonLimits: JSONLimits
    package var stickyHeader: String
    package var runSettings: RunSettings
    package var memories: ReplyMemories
    package var maxResultBytes: Int
    package var meters: RequestMeters
    package var clock: WallClock

    package init(
        state: ServingState, queue: TraceQueue, writer: TraceWriter, background: BackgroundRuns,
        platformLimits: PlatformLimits, trustedProxies: [String], jsonLimits: JSONLimits, stickyHeader: String,
        runSettings: RunSettings, memories: ReplyMemories, maxResultBytes: Int, meters: RequestMeters,
        clock: WallClock = .system
    ) {
        self.state = state
        self.queue = queue
        self.writer = writer
        self.background = background
        self.platformLimits = platformLimits
        clientAddress = ClientAddress(trustedProxies: trustedProxies)
        self.jsonLimits = jsonLimits
        self.stickyHeader = stickyHeader.lowercased()
        self.runSettings = runSettings
        self.memories = memories
        self.maxResultBytes = maxResultBytes
        self.meters = meters
        self.clock = clock
    }
}
