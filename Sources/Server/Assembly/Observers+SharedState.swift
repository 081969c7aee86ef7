import Admission
import Logging
import Telemetry

extension Observers {
    /// Turns what happens with the shared state into metrics and log lines.
    static func sharedState(_ registry: MetricRegistry, _ logger: Logger) -> @Sendable (SharedStateEvent) -> Void {
        let up = registry.gauge(Catalogue.sharedStateUp)
        up.set(1)
        let duration = registry.histogram(Catalogue.sharedStateDuration)
        let failures = Dictionary(
            uniqueKeysWithValues: ["late", "unreachable", "lost", "refused"].map {
                ($0, registry.counter(Catalogue.sharedStateFailures, labels: [("reason", $0)]))
            })
        let fallbacks = Dictionary(
            uniqueKeysWithValues: SharedGuard.allCases.map {
                ($0, registry.counter(Catalogue.sharedStateFallbacks, labels: [("guard", $0.rawValue)]))
            })
        let givenUp = registry.counter(Catalogue.sharedStateGivenUp)
        return { event in
            switch event {
            case .answered(let nanoseconds): duration.observe(seconds: Double(nanoseconds) / 1e9)
            case .failed(let failure): failures[failure.word]?.increment()
            case .fellBack(let guardian): fallbacks[guardian]?.increment()
            case .gaveUp: givenUp.increment()
            case .wentDown(let failure):
                up.set(0)
                logger.error(
                    "the shared state does not answer; guards do as shared_state.on_failure and their channels say",
                    metadata: ["reason": "\(failure)"])
            case .cameUp:
                up.set(1)
                logger.notice("the shared state answers again")
            }
        }
    }
}
