import AdminAPI
import Admission
import Authentication
import Channels
import Cluster
import Configuring
import Connectors
import Definitions
import Glibc
import HTTPAPI
import HTTPServing
import JSONTree
import Logging
import MCP
import NIOPosix
import Outbound
import OutboundHTTPClient
import OutboundRedis
import Schedules
import SpanExport
import Storage
import Synchronization
import Telemetry
import Traces
import Vocabulary
import Workflows

/// The rooms of one server, wired together.
struct ServerParts: Sendable {
    let settings: Settings
    let store: any DurableStore
    let logger: Logger
    let desk: DefinitionDesk
    let functions = FunctionCatalogue.builtIn
    let engine: Engine
    let keys: AdminKeys
    let operations: Operations
    let listener: HTTPListener<FrontDoor>
    let writer: TraceWriter
    let queue: TraceQueue
    let scheduler: Scheduler
    let background: BackgroundRuns
    let upkeep: Upkeep
    let membership: Membership
    private let sharing: Sharing
    private let accessLog: AccessLog?
    private let certificates: CertificateReload?
    private let outbound: HTTPClientOutbound
    private let caches: RedisCaches
    /// Nil where spans are not exported.
    private let exporter: SpanExporter?

    init(
        settings: Settings, plan: ServingPlan, store: any DurableStore, secrets: ConnectorSecrets, logger: Logger,
        prettyLogs: Bool
    ) throws {
        self.settings = settings
        self.store = store
        self.logger = logger
        let registry = MetricRegistry()
        registry.gauge(Catalogue.buildInfo, labels: [("version", WeirServer.version)]).set(1)
        let threads = settings.serverThreads > 0 ? settings.serverThreads : Self.processors
        let jsonLimits = JSONLimits(depth: settings.maxJSONDepth)
        let state = ServingState()
        var runSettings = Self.runSettings(settings, logger)
        let alarm = Alarm()
        let bell = Alarm()
        let instance = Identifier.make().description
        membership = Self.membership(instance, settings, store, registry, logger, alarm: alarm, bell: bell)
        let membership = membership
        let clock = membership.clock.wall
        desk = DefinitionDesk(store: store, clock: clock)
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        background = BackgroundRuns(capacity: 1024, loops: Array(loops.makeIterator()))
        do throws(OutboundFailure) {
            outbound = try HTTPClientOutbound(group: loops, authorities: settings.outboundAuthorities)
        } catch {
            throw StartFailure("connectors.ca_file: `\(settings.outboundAuthorities)` holds no certificates.")
        }
        caches = RedisCaches(group: loops, authorities: settings.outboundAuthorities)
        sharing = try Sharing(
            settings, instance: instance, group: loops, registry: registry, logger: logger,
            liveInstances: { max(1, membership.view?.alive.count ?? 1) })
        exporter = Self.exporter(settings, instance, outbound, lanes: threads, registry, logger)
        runSettings.spans = exporter?.source(share: settings.spanSampleRate)
        writer = TraceWriter(
            store: store, lanes: threads + settings.queueWorkers, observe: Observers.writer(registry, logger))
        queue = TraceQueue(
            settings: .init(
                workers: settings.queueWorkers, timeout: .milliseconds(settings.processingTimeoutMilliseconds),
                retry: RetryPolicy(isEnabled: settings.dlqRetryEnabled, maxRetries: settings.dlqMaxRetries),
                pollInterval: .seconds(settings.dlqPollIntervalSeconds)),
            bounds: QueueBounds(maxCount: settings.queueBufferSize, maxBytes: settings.maxQueueMemoryBytes),
            instance: instance, store: store, writer: writer,
            runner: TraceRunner(
                state: state, settings: runSettings, jsonLimits: jsonLimits,
                maxResultBytes: settings.maxResultSizeBytes),
            clock: clock,
            tenure: Tenure(
                isSure: { membership.isSure }, lapses: { membership.lapses }, patience: { membership.patience }),
            observe: Observers.queue(registry, logger, alarm: alarm))
        scheduler = Scheduler(
            settings: .init(
                pollInterval: .milliseconds(settings.cronPollIntervalMilliseconds),
                grace: .seconds(settings.cronMisfireGraceSeconds), maxCatchUp: settings.cronMaxCatchUp),
            state: state, store: store, queue: queue, alarm: alarm, clock: clock,
            leading: { membership.leaderEpoch }, fenced: { membership.noteFenced() },
            observe: Observers.scheduler(registry, logger))
        let connectors = ConnectorSet.Builder(
            secrets: secrets, outbound: outbound,
            databases: DatabaseKinds.all(storageURL: settings.storageURL), caches: caches,
            breaker: .init(
                isEnabled: settings.breakerEnabled, threshold: settings.breakerThreshold,
                recovery: .seconds(settings.breakerRecoverySeconds)), registry: registry,
            news: sharing.breakers)
        let builder = SnapshotBuilder(
            functions: functions, registry: registry, include: settings.channelsInclude,
            exclude: settings.channelsExclude, maxLoopIterations: settings.maxLoopIterations,
            connectors: connectors,
            keySets: RemoteKeySets(
                outbound: outbound, allowsPrivateAddresses: settings.allowPrivateJWKSURLs,
                observe: Observers.keySets(registry, logger)),
            runsSchedules: settings.cronEnabled, shared: sharing.guards)
        let memories = ReplyMemories(shared: sharing.guards)
        sharing.listen(state, memories)
        engine = Engine(
            desk: desk, builder: builder, state: state, queue: queue, registry: registry,
            usesBreakers: settings.breakerEnabled, memories: memories, alarm: alarm)
        let authFailures = registry.counter(Catalogue.adminAuthFailures)
        keys = AdminKeys(
            keys: settings.adminKeys, readOnlyKeys: settings.adminReadOnlyKeys, header: settings.adminHeader,
            clock: clock, failed: { authFailures.increment() })
        let meters = RequestMeters(registry: registry)
        let keys = keys
        operations = Operations(
            state: state, queue: queue, registry: registry, version: WeirServer.version,
            gauges: Observers.gauges(registry, queue, plan.connections, membership, store),
            servesMetrics: settings.metricsEnabled,
            include: settings.channelsInclude, exclude: settings.channelsExclude,
            adminHeader: settings.adminHeader, clientAddress: plan.clientAddress,
            maySeeDetails: { keys.accepts($0, client: $1) })
        let limits = Self.platformLimits(settings, registry, sharing.guards)
        let api = AdminAPI(
            desk: desk, store: store, control: engine, keys: keys, functions: functions, jsonLimits: jsonLimits,
            maxLoopIterations: settings.maxLoopIterations, secrets: secrets,
            backupFolder: settings.backupFolder,
            schedules: ScheduleDesk(state: state, store: store, queue: queue, alarm: alarm, clock: clock),
            runsSchedules: settings.cronEnabled, membership: membership, clock: clock,
            trustsOrigin: { plan.crossOrigin.admin?.allows($0) ?? false },
            tokenMatches: { TraceToken.matches($0, $1) })
        let services = DataServices(
            state: state, queue: queue, writer: writer, background: background, platformLimits: limits,
            clientAddress: plan.clientAddress, crossOrigin: plan.crossOrigin, bodyLimits: plan.bodyLimits,
            jsonLimits: jsonLimits, stickyHeader: settings.rolloutStickyHeader, runSettings: runSettings,
            memories: memories, maxResultBytes: settings.maxResultSizeBytes, meters: meters, clock: clock,
            elsewhere: ClusterDuties.elsewhere(settings, membership))
        accessLog =
            settings.accessLogEnabled
            ? AccessLog(lanes: threads, isPretty: prettyLogs, dropped: registry.counter(Catalogue.accessLogDropped))
            : nil
        let background = background
        func bridge(_ respond: @escaping @Sendable (AdminRequest) async -> AdminResponse) -> AdminBridge {
            AdminBridge(
                background: background, platformLimits: limits, clientAddress: plan.clientAddress, respond: respond)
        }
        let loopStates = LoopStates(state)
        let mcp = MCPEndpoint(
            api: api, keys: keys, channels: ChannelToolCalls(services: services, loops: loopStates, group: loops),
            version: WeirServer.version, jsonLimits: jsonLimits)
        let door = FrontDoor(
            services: services, operations: operations, administration: bridge { await api.respond(to: $0) },
            mcp: settings.mcpEnabled ? bridge { await mcp.respond(to: $0) } : nil, loops: loopStates,
            accessLog: accessLog)
        listener = HTTPListener(
            group: loops, handler: door, limits: plan.limits, connections: plan.connections, identity: plan.identity,
            observe: Observers.serving(registry))
        certificates = plan.identity.map { CertificateReload($0, registry: registry, logger: logger) }
        upkeep = Upkeep(
            settings: settings, store: store, queue: queue, keys: keys, operations: operations,
            membership: membership, bell: bell, logger: logger)
        membership.take(
            ClusterDuties.make(engine: engine, keys: keys, queue: queue, connections: plan.connections, store, logger))
    }

    /// Processors this process may run on: pinning it to one gives it one event loop.
    static var processors: Int {
        guard let file = fopen("/proc/self/status", "r") else { return 2 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 4096)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = line.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            guard text.hasPrefix("Cpus_allowed:") else { continue }
            return max(1, text.dropFirst(13).reduce(0) { $0 + ($1.hexDigitValue?.nonzeroBitCount ?? 0) })
        }
        return 2
    }

    private static func runSettings(_ settings: Settings, _ logger: Logger) -> RunSettings {
        let log: RunLogger = { level, message, fields in
            let level: Logger.Level =
                switch level {
                case "trace": .trace
                case "debug": .debug
                case "warn", "warning": .warning
                case "error": .error
                default: .info
                }
            guard logger.logLevel <= level else { return }
            logger.log(
                level: level, "workflow log",
                metadata: Logger.Metadata(
                    fields.map { ($0.0, .string($0.1)) } + [("text", .string(message))],
                    uniquingKeysWith: { first, _ in first }))
        }
        return RunSettings(
            syncTimeoutMilliseconds: settings.processingTimeoutMilliseconds,
            asyncTimeoutMilliseconds: settings.processingTimeoutMilliseconds,
            callTimeoutMilliseconds: settings.channelCallTimeoutMilliseconds,
            maxLoopIterations: settings.maxLoopIterations, maxCallDepth: settings.maxChannelCallDepth,
            maskedFields: MaskedFields(MaskedFields.usual + settings.maskFields), log: log)
    }

    private static func exporter(
        _ settings: Settings, _ instance: String, _ outbound: HTTPClientOutbound, lanes: Int,
        _ registry: MetricRegistry, _ logger: Logger
    ) -> SpanExporter? {
        guard settings.spansEnabled else { return nil }
        let headers = settings.otlpHeaders.map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (name: String(parts[0]).lowercased(), value: String(parts[1]))
        }
        return SpanExporter(
            settings: .init(
                endpoint: settings.otlpEndpoint, headers: headers,
                timeout: .milliseconds(settings.otlpTimeoutMilliseconds), capacity: settings.otlpQueueSize,
                batchSize: settings.otlpBatchSize, interval: .milliseconds(settings.otlpIntervalMilliseconds)),
            resource: SpanResource(
                serviceName: settings.serviceName, version: WeirServer.version, instance: instance),
            outbound: outbound, lanes: lanes, observe: Observers.spans(registry, logger))
    }

    private static func membership(
        _ instance: String, _ settings: Settings, _ store: any DurableStore, _ registry: MetricRegistry,
        _ logger: Logger, alarm: Alarm, bell: Alarm
    ) -> Membership {
        var record = InstanceRecord(id: instance, version: WeirServer.version, address: settings.clusterAdvertiseURL)
        record.include = settings.channelsInclude
        record.exclude = settings.channelsExclude
        record.runsSchedules = settings.cronEnabled
        record.workers = settings.queueWorkers
        return Membership(
            record,
            settings: .init(
                interval: .milliseconds(settings.clusterHeartbeatMilliseconds),
                ttl: .milliseconds(settings.clusterTTLMilliseconds)),
            store: store, clock: ClusterClock(),
            observe: Observers.membership(registry, logger) { event in
                switch event {
                case .leadership: alarm.ring()
                case .members(_, let left) where !left.isEmpty: bell.ring()
                case .members, .beat, .beatFailed, .lapsed, .followed, .rewound: break
                }
            })
    }

    private static func platformLimits(
        _ settings: Settings, _ registry: MetricRegistry, _ shared: SharedGuards?
    ) -> PlatformLimits {
        func rate(_ number: Int) -> Double? { settings.rateLimitEnabled && number > 0 ? Double(number) : nil }
        return PlatformLimits(
            defaultRate: rate(settings.rateLimitDefaultRPS), defaultBurst: settings.rateLimitDefaultBurst,
            adminRate: rate(settings.rateLimitAdminRPS), dataRate: rate(settings.rateLimitDataRPS),
            refused: registry.counter(Catalogue.rateLimitRejections, labels: [("scope", "platform")]),
            shared: shared)
    }

    /// Serves until `stop` returns, then lets everything finish in order: readiness first, the trace writer last.
    func run(until stop: @escaping @Sendable () async -> Void) async {
        await withTaskGroup { group in
            group.addTask { await sharing.run() }
            await serve(until: stop)
            // What the last runs came to has been told.
            await sharing.close()
        }
        await outbound.shutDown()
        await caches.shutDown()
        await listener.shutDown()
    }

    private func serve(until stop: @escaping @Sendable () async -> Void) async {
        await withTaskGroup { group in
            group.addTask { await writer.run() }
            group.addTask { await background.run() }
            group.addTask { await queue.run() }
            group.addTask { await upkeep.run() }
            if let certificates { group.addTask { await certificates.run() } }
            if let accessLog { group.addTask { await accessLog.run() } }
            group.addTask { await scheduler.run() }
            group.addTask { await membership.run() }
            if let exporter { group.addTask { await exporter.run() } }
            await stop()
            logger.notice("stopping")
            operations.setReady(false)
            await scheduler.stop()
            membership.resign()
            if settings.shutdownDrainSeconds > 0 { try? await Task.sleep(for: .seconds(settings.shutdownDrainSeconds)) }
            await listener.drain()
            let deadline = Stopwatch.nanoseconds() + UInt64(settings.shutdownForceSeconds) * 1_000_000_000
            while listener.connectionCount > 0, Stopwatch.nanoseconds() < deadline {
                try? await Task.sleep(for: .milliseconds(10))  // nobody cancels this group
            }
            background.finish()
            queue.stop()
            await queue.giveBackOnce(to: store)
            upkeep.stop()
            certificates?.stop()
            let workersDeadline = Stopwatch.nanoseconds() + UInt64(settings.queueShutdownSeconds) * 1_000_000_000
            while queue.activeWorkers > 0, Stopwatch.nanoseconds() < workersDeadline {
                try? await Task.sleep(for: .milliseconds(5))
            }
            writer.finish()
            accessLog?.finish()
            exporter?.stop()
            membership.stop()
            await group.waitForAll()
        }
        await membership.leave()
    }
}
