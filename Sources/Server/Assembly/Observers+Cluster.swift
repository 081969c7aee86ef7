import Cluster
import Logging
import Telemetry
import Vocabulary

extension Observers {
    /// Turns what membership reports into metrics and log lines.
    /// - Parameter changed: called when leadership or the members have changed.
    static func membership(
        _ registry: MetricRegistry, _ logger: Logger, changed: @escaping @Sendable (MembershipEvent) -> Void
    ) -> @Sendable (MembershipEvent) -> Void {
        let beats = registry.counter(Catalogue.clusterBeats, labels: [("outcome", "ok")])
        let failures = registry.counter(Catalogue.clusterBeats, labels: [("outcome", "error")])
        let followed = registry.counter(Catalogue.clusterAnnouncements)
        let lag = registry.histogram(
            Catalogue.clusterAnnouncementLag, bounds: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10])
        return { event in
            switch event {
            case .beat: beats.increment()
            case .beatFailed(let failure):
                failures.increment()
                logger.warning("the heartbeat was not taken", metadata: ["reason": "\(failure.sentence)"])
            case .leadership(let epoch?): logger.notice("this instance leads", metadata: ["epoch": "\(epoch)"])
            case .leadership(nil): logger.notice("this instance leads no more")
            case .lapsed:
                logger.warning("heartbeats were late: others may have taken over what this instance held")
            case .members(let joined, let left):
                logger.info(
                    "the cluster has changed",
                    metadata: [
                        "joined": "\(joined.sorted().joined(separator: ","))",
                        "left": "\(left.sorted().joined(separator: ","))",
                    ])
            case .rewound:
                logger.warning(
                    "the database has an older state than before, as after a restore or a failover: everything is loaded again"
                )
            case .followed(let late):
                followed.increment()
                lag.observe(seconds: max(0, late.inSeconds))
            }
            changed(event)
        }
    }

    /// Brings the gauges of the cluster up to date.
    static func clusterGauges(_ registry: MetricRegistry, _ membership: Membership) -> @Sendable () -> Void {
        let instances = registry.gauge(Catalogue.clusterInstances)
        let leads = registry.gauge(Catalogue.clusterIsLeader)
        let epoch = registry.gauge(Catalogue.clusterEpoch)
        let age = registry.gauge(Catalogue.clusterBeatAge)
        let skew = registry.gauge(Catalogue.clusterClockError)
        return {
            instances.set(Double(membership.view?.alive.count ?? 0))
            leads.set(membership.leaderEpoch == nil ? 0 : 1)
            epoch.set(Double(membership.view?.epoch ?? 0))
            age.set(membership.silence)
            skew.set(membership.clock.error.inSeconds)
        }
    }
}
