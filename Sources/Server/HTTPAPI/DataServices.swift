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
    package var crossOrigin: CrossOrigin
    package var bodyLimits: BodyLimits
    package var jsonLimits: JSONLimits
    package var stickyHeader: String
    package var runSettings: RunSettings
    package var memories: ReplyMemories
    package var maxResultBytes: Int
    package var meters: RequestMeters
    package var clock: WallClock
    package var elsewhere: Elsewhere

    package init(
        state: ServingState, queue: TraceQueue, writer: TraceWriter, background: BackgroundRuns,
        platformLimits: PlatformLimits, clientAddress: ClientAddress, crossOrigin: CrossOrigin, bodyLimits: BodyLimits,
        jsonLimits: JSONLimits, stickyHeader: String,
        runSettings: RunSettings, memories: ReplyMemories, maxResultBytes: Int, meters: RequestMeters,
        clock: WallClock = .system, elsewhere: Elsewhere = .unknown
    ) {
        self.elsewhere = elsewhere
        self.state = state
        self.queue = queue
        self.writer = writer
        self.background = background
        self.platformLimits = platformLimits
        self.clientAddress = clientAddress
        self.crossOrigin = crossOrigin
        self.bodyLimits = bodyLimits
        self.jsonLimits = jsonLimits
        self.stickyHeader = stickyHeader.lowercased()
        self.runSettings = runSettings
        self.memories = memories
        self.maxResultBytes = maxResultBytes
        self.meters = meters
        self.clock = clock
    }
}

/// Bytes of a request's body by what it asks for; a channel may allow less.
package struct BodyLimits: Sendable {
    package var data: Int
    package var admin: Int

    package init(data: Int, admin: Int) {
        self.data = data
        self.admin = admin
    }
}
