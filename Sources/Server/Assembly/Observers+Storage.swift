import ConnectionPooling
import Synchronization
import Telemetry

extension Observers {
    /// Brings the metrics of a store's connections up to date, from what its pool counted so far.
    static func pool(_ store: any PoolReporting, _ registry: MetricRegistry) -> @Sendable () -> Void {
        func gauge(_ state: String) -> Gauge {
            registry.gauge(Catalogue.storageConnections, labels: [("state", state)])
        }
        func event(_ name: String) -> Counter {
            registry.counter(Catalogue.storageConnectionEvents, labels: [("event", name)])
        }
        func outcome(_ name: String) -> Counter {
            registry.counter(Catalogue.storageAcquisitions, labels: [("outcome", name)])
        }
        let (open, idle, waiting) = (gauge("open"), gauge("idle"), registry.gauge(Catalogue.storageWaiting))
        let (opened, lost, failed) = (event("opened"), event("lost"), event("failed"))
        let (granted, refused) = (outcome("granted"), outcome("refused"))
        let waited = registry.counter(Catalogue.storageWait)
        let retries = registry.counter(Catalogue.storageRetries)
        let told = Mutex(PoolFigures())
        return {
            // Read inside, so that of two that scrape at the same time none counts backwards.
            let (before, now) = told.withLock { told in
                let (before, now) = (told, store.figures)
                told = now
                return (before, now)
            }
            open.set(Double(now.open))
            idle.set(Double(now.idle))
            waiting.set(Double(now.waiting))
            func count(_ counter: Counter, _ figure: (PoolFigures) -> Int) {
                counter.increment(by: UInt64(figure(now) - figure(before)))
            }
            count(opened) { $0.opened }
            count(lost) { $0.lost }
            count(failed) { $0.failedToOpen }
            count(granted) { $0.granted }
            count(refused) { $0.refused }
            count(retries) { $0.retries }
            count(waited) { Int($0.waitedNanoseconds / 1000) }
        }
    }
}
