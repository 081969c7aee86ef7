package import Telemetry

/// The counters of one channel, looked up once when it is loaded.
package struct ChannelMeters: Sendable {
    package let ok: Counter
    package let failed: Counter
    package let timedOut: Counter
    package let rateLimited: Counter
    package let shed: Counter
    package let duration: Histogram

    package init(channel: String, registry: MetricRegistry) {
        func messages(_ status: String) -> Counter {
            registry.counter(Catalogue.messages, labels: [("channel", channel), ("status", status)])
        }
        ok = messages("ok")
        failed = messages("error")
        timedOut = messages("timeout")
        rateLimited = registry.counter(Catalogue.rateLimitRejections, labels: [("scope", "channel:" + channel)])
        shed = registry.counter(Catalogue.backpressureRejections, labels: [("channel", channel)])
        duration = registry.histogram(Catalogue.messageDuration, labels: [("channel", channel)])
    }
}
