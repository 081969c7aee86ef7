package import SharedState
import Vocabulary

/// What every backend of the shared state promises. Memory and Redis, alone, behind Sentinel and as a cluster, pass the
/// same kit.
package struct SharedStateConformance: Sendable {
    /// One shared state as several instances see it.
    package struct Place: Sendable {
        /// At least two; for memory the same one again.
        package var views: [any StateSharing]
        /// A while in which nothing else happens to time out; what is to run out lasts one.
        package var unit: Duration
        package var lettingTimePass: @Sendable (Duration) async throws -> Void
        /// Since some moment, on the clock by which time passes here.
        package var elapsed: @Sendable () -> Duration

        package init(
            views: [any StateSharing], unit: Duration,
            lettingTimePass: @escaping @Sendable (Duration) async throws -> Void,
            elapsed: @escaping @Sendable () -> Duration
        ) {
            self.views = views
            self.unit = unit
            self.lettingTimePass = lettingTimePass
            self.elapsed = elapsed
        }

        func view(_ number: Int) -> any StateSharing { views[number % views.count] }
    }

    /// A promise that was not kept.
    package struct Broken: Error, CustomStringConvertible {
        package var description: String
    }

    private let place: Place

    package init(of place: Place) { self.place = place }

    package static let promises: [String: @Sendable (Place) async throws -> Void] =
        [bucketPromises, claimPromises, permitPromises, noticePromises].reduce(into: [:]) { $0.merge($1) { $1 } }

    package func verify(_ promise: String) async throws {
        guard let check = Self.promises[promise] else { throw Broken(description: "no such promise: \(promise)") }
        try await check(place)
    }

    static func expect(_ holds: Bool, _ sentence: String, line: Int = #line, file: String = #fileID) throws {
        guard holds else { throw Broken(description: "\(sentence) (\(file):\(line))") }
    }

    /// A key that no other promise and no other run of the kit uses, with characters that mean something to somebody.
    static func key(_ name: String) -> String {
        "\(name) {a}\r\n*1\u{0}é:\(UInt64.random(in: .min ... .max))"
    }
}
