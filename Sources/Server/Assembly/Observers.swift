import Authentication
import Cluster
import HTTPServing
import Logging
import Schedules
import SpanExport
import Telemetry
import Traces
import Vocabulary

/// Turns what rooms report into metrics and log lines.
enum Observers {
    static func writer(_ registry: MetricRegistry, _ logger: Logger) -> @Sendable (TraceWriterEvent) -> Void {
        let sizes = registry.histogram(
            Catalogue.traceBatchSize, bounds: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000])
        let failures = registry.counter(Catalogue.tracePersistenceFailures)
        return { event in
            switch event {
            case .committed(let rows): sizes.observe(seconds: Double(rows))
            case .failed(let rows): failures.increment(by: UInt64(rows))
            case .refused(let ids):
                logger.warning(
                    "settlements refused: another instance holds the runs", metadata: ["count": "\(ids.count)"])
            case .broken(let failure): logger.error("traces could not be committed", metadata: ["reason": "\(failure)"])
            }
        }
    }

    /// - Parameter alarm: rung when a scheduled run ends: another may have its turn.
    static func queue(
        _ registry: MetricRegistry, _ logger: Logger, alarm: Alarm
    ) -> @Sendable (TraceQueueEvent) -> Void {
        let full = registry.counter(Catalogue.traceQueueRejected, labels: [("reason", "full")])
        let memory = registry.counter(Catalogue.traceQueueRejected, labels: [("reason", "memory")])
        let retried = registry.counter(Catalogue.traceRetries, labels: [("outcome", "retry")])
        let failed = registry.counter(Catalogue.traceRetries, labels: [("outcome", "failed")])
        let dead = registry.counter(Catalogue.traceRetries, labels: [("outcome", "dead_letter")])
        let completed = registry.counter(Catalogue.cronOccurrences, labels: [("status", "completed")])
        let failedRuns = registry.counter(Catalogue.cronOccurrences, labels: [("status", "failed")])
        return { event in
            switch event {
            case .scheduledRunSettled(let status):
                if status == .completed { completed.increment() } else if status == .failed { failedRuns.increment() }
                alarm.ring()
            case .rejected(.full): full.increment()
            case .rejected(.memory): memory.increment()
            case .failed(.retry): retried.increment()
            case .failed(.fail): failed.increment()
            case .failed(.deadLetter): dead.increment()
            case .rescued(let count): logger.info("leased waiting traces", metadata: ["count": "\(count)"])
            case .givenBack(let count): logger.info("gave waiting traces back", metadata: ["count": "\(count)"])
            case .broken(let failure):
                logger.error("the trace queue cannot read the database", metadata: ["reason": "\(failure)"])
            }
        }
    }

    static func keySets(_ registry: MetricRegistry, _ logger: Logger) -> RemoteKeySets.Observer {
        let fetched = registry.counter(Catalogue.keySetFetches, labels: [("outcome", "ok")])
        let failed = registry.counter(Catalogue.keySetFetches, labels: [("outcome", "error")])
        return { url, fault in
            guard let fault else { return fetched.increment() }
            failed.increment()
            logger.warning("an issuer's keys cannot be fetched", metadata: ["url": "\(url)", "reason": "\(fault)"])
        }
    }

    static func serving(_ registry: MetricRegistry) -> @Sendable (HTTPServingEvent) -> Void {
        let full = registry.counter(Catalogue.httpConnectionsRefused, labels: [("reason", "full")])
        let client = registry.counter(Catalogue.httpConnectionsRefused, labels: [("reason", "client")])
        let handshakes = registry.counter(Catalogue.tlsHandshakeFailures)
        return { event in
            switch event {
            case .refused: full.increment()
            case .refusedClient: client.increment()
            case .handshakeFailed: handshakes.increment()
            }
        }
    }

    static func spans(_ registry: MetricRegistry, _ logger: Logger) -> @Sendable (SpanExportEvent) -> Void {
        func counter(_ outcome: String) -> Counter {
            registry.counter(Catalogue.spans, labels: [("outcome", outcome)])
        }
        let exported = counter("exported")
        let dropped = counter("dropped")
        let rejected = counter("rejected")
        let failed = counter("failed")
        return { event in
            switch event {
            case .exported(let count): exported.increment(by: UInt64(count))
            case .dropped(let count): dropped.increment(by: UInt64(count))
            case .rejected(let count, let reason):
                rejected.increment(by: UInt64(count))
                logger.warning("the collector refused spans", metadata: ["count": "\(count)", "reason": "\(reason)"])
            case .failed(let count, let reason):
                failed.increment(by: UInt64(count))
                logger.warning(
                    "spans could not be exported", metadata: ["count": "\(count)", "reason": "\(reason)"])
            }
        }
    }

    static func gauges(
        _ registry: MetricRegistry, _ queue: TraceQueue, _ connections: ConnectionCounts, _ membership: Membership
    ) -> @Sendable () -> Void {
        let cluster = clusterGauges(registry, membership)
        let open = registry.gauge(Catalogue.httpConnections)
        let depth = registry.gauge(Catalogue.traceQueueDepth)
        let bytes = registry.gauge(Catalogue.traceQueueBytes)
        let active = registry.gauge(Catalogue.traceWorkersActive)
        registry.gauge(Catalogue.traceWorkers).set(Double(queue.workers))
        return {
            depth.set(Double(queue.bounds.totalCount))
            bytes.set(Double(queue.bounds.totalBytes))
            active.set(Double(queue.activeWorkers))
            open.set(Double(connections.total))
            cluster()
        }
    }
}
