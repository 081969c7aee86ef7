package import Telemetry

/// Counters of the doors, looked up once.
package struct RequestMeters: Sendable {
    package let data: Counter
    package let admin: Counter
    package let operations: Counter

    package init(registry: MetricRegistry) {
        func requests(_ plane: String) -> Counter {
            registry.counter(Catalogue.httpRequests, labels: [("plane", plane)])
        }
        data = requests("data")
        admin = requests("admin")
        operations = requests("operations")
    }
}
