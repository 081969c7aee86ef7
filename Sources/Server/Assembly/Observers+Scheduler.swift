import Logging
import Schedules
import Storage
import Telemetry
import Vocabulary

extension Observers {
    /// Turns what the scheduler reports into metrics and log lines.
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
            case .fenced: logger.notice("another instance runs the schedules now")
            case .broken(let failure):
                logger.error("schedules cannot use the database", metadata: ["reason": "\(failure)"])
            }
        }
    }
}
