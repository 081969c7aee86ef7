import Admission
import Channels
import Configuring
import Connectors
import HTTPAPI
import Logging
import NIOCore
import SharedState
import SharedStateRedis
import Telemetry
import Vocabulary

/// What this instance shares with others, as the settings say.
struct Sharing: Sendable {
    let state: any StateSharing
    /// Nil where each instance counts for itself.
    let guards: SharedGuards?

    private static let board = "breakers"
    private static let breakerReset = "breaker-reset"

    /// - Parameters:
    ///   - instance: a name no other instance has.
    ///   - liveInstances: how many share a limit while the shared state does not answer.
    init(
        _ settings: Settings, instance: String, group: any EventLoopGroup, registry: MetricRegistry, logger: Logger,
        liveInstances: @escaping @Sendable () -> Int = { 1 }
    ) throws(StartFailure) {
        guard settings.sharesState else {
            state = InMemorySharedState()
            guards = nil
            return
        }
        let redis: RedisSharedState
        do throws(RedisSharedState.Unusable) {
            redis = try RedisSharedState(
                url: settings.sharedStateURL, prefix: settings.sharedStatePrefix,
                timeout: .milliseconds(settings.sharedStateTimeoutMilliseconds), group: group,
                authorities: settings.outboundAuthorities)
        } catch {
            throw StartFailure("shared_state.url cannot be used: \(error.reason).")
        }
        state = redis
        guards = SharedGuards(
            redis, instance: instance, failsOpen: settings.sharedStateOnFailure == "fail_open",
            liveInstances: liveInstances, observe: Observers.sharedState(registry, logger))
    }

    /// What connectors tell of their breakers; nil where nobody hears it.
    var breakers: BreakerNews? {
        guards.map { guards in
            BreakerNews(
                opened: { guards.post($0, on: Self.board, lifetime: $1) },
                closed: { key in
                    guards.post(key, on: Self.board, lifetime: nil)
                    guards.announce(Self.breakerReset, key)
                })
        }
    }

    /// Hears what other instances tell.
    func listen(_ state: ServingState, _ memories: ReplyMemories) {
        guard let guards else { return }
        memories.listen()
        guards.watch(Self.board) { notices in
            let now = Stopwatch.nanoseconds()
            let connectors = state.current.connectors
            for notice in notices {
                connectors.openedElsewhere(notice.name, stamp: notice.stamp, left: notice.left, at: now)
            }
        }
        guards.listen(to: Self.breakerReset) { key in _ = state.current.connectors.closedElsewhere(key) }
    }

    func run() async { await guards?.run() }

    /// Everything that ran has ended: what is still to be told is told now or never.
    func close() async {
        guards?.stop()
        await state.close()
    }
}
