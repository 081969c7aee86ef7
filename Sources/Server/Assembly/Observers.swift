import Authentication
import HTTPServing
import Logging
import Schedules
import SpanExport
import Storage
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

    static func scheduler(_ registry: MetricRegistry, _ logger: Logger) -> @Sendable (SchedulerEvent) -> Void {
        func counter(_ status: OccurrenceStatus) -> Counter {
            registry.counter(Catalogue.cronOccurrences, labels: [("status", status.name)])
        }
        let counters = Dictionary(uniqueKeysWithValues: OccurrenceStatus.allCases.map { ($0, counter($0)) })
        let lag = registry.histogram(
            Catalogue.cronLag, bounds: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 3600, 86_400])
        let contention = registry.counter(Catalogue.cronContention)
        let pending = registry.gauge(Catalogue.cronPending)
        let duration = registry.histogram(Catalogue.cronReconcile)
        return { event in
            switch event {
            case .recorded(let record, let late):
                counters[record.status]?.increment(by: UInt64(record.count))
                switch record.status {
                case .claimed: lag.observe(seconds: late.inSeconds)
                case .skippedSingleton: contention.increment()
                case .pending where !record.key.isEmpty: contention.increment()
                case .skippedMisfire:
                    logger.warning(
                        "scheduled runs were missed",
                        metadata: ["channel": "\(record.channel)", "count": "\(record.count)"])
                case .failed:
                    logger.warning(
                        "a scheduled run was not let in",
                        metadata: ["channel": "\(record.channel)", "reason": "\(record.errorMessage)"])
                case .pending, .completed, .cancelled: break
                }
            case .pass(let seconds, let waiting):
                duration.observe(seconds: seconds)
                pending.set(Double(waiting))
            case .clockSetBack(let duration):
                logger.warning("the clock was set back", metadata: ["seconds": "\(duration.inSeconds)"])
            case .fenced: logger.error("another instance runs the schedules; this one has stopped to")
            case .broken(let failure):
                logger.error("schedules cannot use the database", metadata: ["reason": "\(failure)"])
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
        _ registry: MetricRegistry, _ queue: TraceQueue, _ connections: ConnectionCounts
    ) -> @Sendable () -> Void {
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
        }
    }
}
