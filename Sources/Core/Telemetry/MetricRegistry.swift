import Synchronization

/// All meters of the process, and their text for Prometheus. Meters are looked up when something is loaded, never per
/// request; the same name and labels give the same meter.
package final class MetricRegistry: Sendable {
    private enum Meter: Sendable {
        case counter(Counter)
        case gauge(Gauge)
        case histogram(Histogram)
    }

    private struct Series: Sendable {
        var pairs: [(String, String)]
        var labels: String
        var meter: Meter
    }

    private struct State {
        var order: [Catalogue.Metric] = []
        var series: [String: [Series]] = [:]
    }

    private let state = Mutex(State())

    /// Seconds; 100 microseconds to 10 seconds.
    private static let durationBounds = [
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]

    package init() {}

    package func counter(_ metric: Catalogue.Metric, labels: [(String, String)] = []) -> Counter {
        guard case .counter(let meter) = meter(metric, labels, make: { .counter(Counter()) }) else {
            preconditionFailure("\(metric.name) is no counter")
        }
        return meter
    }

    package func gauge(_ metric: Catalogue.Metric, labels: [(String, String)] = []) -> Gauge {
        guard case .gauge(let meter) = meter(metric, labels, make: { .gauge(Gauge()) }) else {
            preconditionFailure("\(metric.name) is no gauge")
        }
        return meter
    }

    package func histogram(
        _ metric: Catalogue.Metric, labels: [(String, String)] = [], bounds: [Double]? = nil
    ) -> Histogram {
        let made = meter(metric, labels) { .histogram(Histogram(bounds: bounds ?? Self.durationBounds)) }
        guard case .histogram(let meter) = made else { preconditionFailure("\(metric.name) is no histogram") }
        return meter
    }

    private func meter(
        _ metric: Catalogue.Metric, _ labels: [(String, String)], make: () -> Meter
    ) -> Meter {
        let text = labels.map { "\($0.0)=\"\(Self.escape($0.1))\"" }.joined(separator: ",")
        return state.withLock { state in
            if let known = state.series[metric.name]?.first(where: { $0.labels == text }) { return known.meter }
            if state.series[metric.name] == nil { state.order.append(metric) }
            let made = make()
            state.series[metric.name, default: []].append(Series(pairs: labels, labels: text, meter: made))
            return made
        }
    }

    /// Forgets every series with this label whose value is not among `values`: what was deleted is not counted for ever.
    /// A series that comes back begins at 0, as after a restart.
    package func retire(label: String, keeping values: Set<String>) {
        state.withLock { state in
            for (name, series) in state.series {
                state.series[name] = series.filter { each in
                    each.pairs.first { $0.0 == label }.map { values.contains($0.1) } ?? true
                }
            }
        }
    }

    private static func escape(_ value: String) -> String {
        // Scalars, not characters: a line feed behind a carriage return is one character with it.
        var escaped = String.UnicodeScalarView()
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": escaped.append(contentsOf: "\\\\".unicodeScalars)
            case "\"": escaped.append(contentsOf: "\\\"".unicodeScalars)
            case "\n": escaped.append(contentsOf: "\\n".unicodeScalars)
            default: escaped.append(scalar)
            }
        }
        return String(escaped)
    }

    /// The text exposition format, version 0.0.4.
    package func prometheusText() -> [UInt8] {
        let (order, series) = state.withLock { ($0.order, $0.series) }
        var text = ""
        for metric in order {
            text += "# HELP \(metric.name) \(metric.help)\n# TYPE \(metric.name) \(metric.kind.rawValue)\n"
            for each in series[metric.name] ?? [] { Self.write(each.meter, metric, each.labels, to: &text) }
        }
        return Array(text.utf8)
    }

    private static func write(_ meter: Meter, _ metric: Catalogue.Metric, _ labels: String, to text: inout String) {
        let name = metric.name
        let braced = labels.isEmpty ? "" : "{\(labels)}"
        switch meter {
        case .counter(let counter) where metric.steps == 1: text += "\(name)\(braced) \(counter.value)\n"
        case .counter(let counter): text += "\(name)\(braced) \(Double(counter.value) / metric.steps)\n"
        case .gauge(let gauge): text += "\(name)\(braced) \(gauge.value)\n"
        case .histogram(let histogram):
            let (cumulative, sum) = histogram.read()
            let comma = labels.isEmpty ? "" : ","
            for (place, count) in cumulative.enumerated() {
                let bound = place < histogram.bounds.count ? "\(histogram.bounds[place])" : "+Inf"
                text += "\(name)_bucket{\(labels)\(comma)le=\"\(bound)\"} \(count)\n"
            }
            text += "\(name)_sum\(braced) \(sum)\n\(name)_count\(braced) \(cumulative.last ?? 0)\n"
        }
    }
}
