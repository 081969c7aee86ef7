import AdminAPI
import Channels
import Cluster
import Connectors
import Definitions
import HTTPAPI
import Schedules
import Storage
import Synchronization
import Telemetry
import Traces
import Vocabulary

/// Loads definitions and swaps the snapshot that is served.
final class Engine: EngineControl {
    private let desk: DefinitionDesk
    private let builder: SnapshotBuilder
    private let state: ServingState
    private let queue: TraceQueue
    private let registry: MetricRegistry
    private let reloads: (ok: Counter, failed: Counter)
    private let workflows: Gauge
    private let duration: Histogram
    let usesBreakers: Bool
    private let memories: ReplyMemories
    private let alarm: Alarm
    private let startedAt = Stopwatch.nanoseconds()

    init(
        desk: DefinitionDesk, builder: SnapshotBuilder, state: ServingState, queue: TraceQueue,
        registry: MetricRegistry,
        usesBreakers: Bool, memories: ReplyMemories, alarm: Alarm
    ) {
        self.alarm = alarm
        self.memories = memories
        self.usesBreakers = usesBreakers
        self.desk = desk
        self.builder = builder
        self.state = state
        self.queue = queue
        self.registry = registry
        reloads = (
            registry.counter(Catalogue.engineReloads, labels: [("status", "ok")]),
            registry.counter(Catalogue.engineReloads, labels: [("status", "error")])
        )
        duration = registry.histogram(Catalogue.engineReloadDuration)
        workflows = registry.gauge(Catalogue.activeWorkflows)
    }

    func reload() async throws(Problem) -> EngineStatus { try await load() }

    /// - Parameter isAnew: also where the database has an older generation than is served.
    func load(anew isAnew: Bool = false) async throws(Problem) -> EngineStatus {
        let began = Stopwatch.nanoseconds()
        defer { duration.observe(seconds: Double(Stopwatch.nanoseconds() - began) / 1e9) }
        do throws(Problem) {
            let book = try await desk.book()
            let built = await builder.build(book.snapshot, previous: state.current)
            // A slower reload of an older generation must not undo a newer one.
            state.swap(for: built) { isAnew || $0.generation <= built.generation }
            alarm.ring()  // schedules may have changed
            let current = state.current
            let names = Set(current.channels.keys).union(current.quarantined.values.map(\.channel))
            registry.retire(label: "channel", keeping: names)
            registry.retire(label: "connector", keeping: current.connectors.names)
            workflows.set(Double(built.workflowCount))
            reloads.ok.increment()
            return status()
        } catch {
            reloads.failed.increment()
            throw error
        }
    }

    func status() -> EngineStatus {
        let snapshot = state.current
        var status = EngineStatus(
            version: WeirServer.version, generation: snapshot.generation,
            uptimeSeconds: Int((Stopwatch.nanoseconds() - startedAt) / 1_000_000_000),
            workflowCount: snapshot.workflowCount, channels: snapshot.channels.keys.sorted(),
            issues: snapshot.quarantined.values.map { ($0.channelID, $0.workflowID, $0.message) })
        status.connectorFaults = snapshot.connectors.faults.sorted { $0.key < $1.key }.map {
            ($0.key, $0.value.message)
        }
        return status
    }

    /// Whether a connector's secrets were sealed with another key than this instance's.
    var hasForeignSecrets: Bool { state.current.connectors.faults.values.contains(where: \.isForeign) }

    /// Of the definitions that are served.
    var generation: Int64 { state.current.generation }

    func invalidate(namespace: String) { memories.invalidate(namespace: namespace) }

    var connectors: ConnectorSet { state.current.connectors }

    var queueFacts: QueueFacts { queue.facts }

    func isRunning(_ trace: Identifier) -> Bool { queue.isRunning(trace) }
}
