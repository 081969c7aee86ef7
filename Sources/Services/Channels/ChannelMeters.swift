import Authentication
package import Telemetry

/// The counters of one channel, looked up once when it is loaded.
package struct ChannelMeters: Sendable {
    package let ok: Counter
    package let failed: Counter
    package let timedOut: Counter
    package let rateLimited: Counter
    package let shed: Counter
    /// Made only for channels that know their callers.
    let refusedCallers: [CallerRefusal: Counter]
    let refusedByRule: Counter
    package let duration: Histogram

    package init(channel: String, knowsCallers: Bool = false, registry: MetricRegistry) {
        func messages(_ status: String) -> Counter {
            registry.counter(Catalogue.messages, labels: [("channel", channel), ("status", status)])
        }
        ok = messages("ok")
        failed = messages("error")
        timedOut = messages("timeout")
        rateLimited = registry.counter(Catalogue.rateLimitRejections, labels: [("scope", "channel:" + channel)])
        func refused(_ reason: String) -> Counter {
            registry.counter(Catalogue.callerRejections, labels: [("channel", channel), ("reason", reason)])
        }
        refusedCallers =
            knowsCallers
            ? Dictionary(uniqueKeysWithValues: CallerRefusal.allCases.map { ($0, refused($0.rawValue)) }) : [:]
        refusedByRule = knowsCallers ? refused("authorization") : Counter()
        shed = registry.counter(Catalogue.backpressureRejections, labels: [("channel", channel)])
        duration = registry.histogram(Catalogue.messageDuration, labels: [("channel", channel)])
    }
}
