import HTTPServing
package import Telemetry
import Vocabulary

/// Counters of the doors, looked up once.
package struct RequestMeters: Sendable {
    /// Which part of the server answers.
    enum Plane: Int, CaseIterable {
        /// What never became a request, or comes before any part.
        case none
        case data, admin, operations

        var name: String {
            switch self {
            case .none: "none"
            case .data: "data"
            case .admin: "admin"
            case .operations: "operations"
            }
        }
    }

    private struct Answers: Sendable {
        /// By the first digit of the status.
        let classes: [Counter]
        let duration: Histogram
    }

    private let planes: [Answers]
    private let problems: [Problem.Code: Counter]

    package init(registry: MetricRegistry) {
        planes = Plane.allCases.map { plane in
            Answers(
                classes: (1...5).map { digit in
                    registry.counter(
                        Catalogue.httpRequests, labels: [("plane", plane.name), ("status", "\(digit)xx")])
                }, duration: registry.histogram(Catalogue.httpRequestDuration, labels: [("plane", plane.name)]))
        }
        problems = Dictionary(
            uniqueKeysWithValues: Problem.Code.allCases.map {
                ($0, registry.counter(Catalogue.errors, labels: [("code", $0.rawValue)]))
            })
    }

    func count(_ response: HTTPResponse, plane: Int, receivedAt: UInt64) {
        let answers = planes[plane]
        answers.classes[max(1, min(5, Int(response.status) / 100)) - 1].increment()
        let now = Stopwatch.nanoseconds()
        answers.duration.observe(seconds: now > receivedAt ? Double(now - receivedAt) / 1e9 : 0)
        if let problem = response.problem { problems[problem]?.increment() }
    }
}
