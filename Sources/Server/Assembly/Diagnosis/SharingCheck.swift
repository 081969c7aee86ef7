import Configuring
import HTTPAPI
import Logging
import NIOPosix
import SharedState
import Telemetry

/// What instances share while they run: does it answer.
enum SharingCheck {
    private static let name = "shared_state"

    /// - Returns: nil where each instance counts for itself.
    static func finding(_ settings: Settings) async -> Finding? {
        guard settings.sharesState else { return nil }
        let sharing: Sharing
        do {
            sharing = try Sharing(
                settings, instance: "weir-doctor", group: MultiThreadedEventLoopGroup.singleton,
                registry: MetricRegistry(), logger: Logger(label: "weir"))
        } catch {
            return Finding(name, .fail, "\(error)", "Correct shared_state.url.")
        }
        let deadline = ContinuousClock.now + patience
        var failure = await ask(sharing)
        // The first question finds no connection yet.
        while failure != nil, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(50))  // cancelled: the next answer is the last
            failure = await ask(sharing)
        }
        await sharing.close()
        return failure.map {
            Finding(
                name, .fail, "What instances share cannot be reached: \($0)", "Start it, or correct shared_state.url.")
        } ?? Finding(name, .ok, "What instances share answers.")
    }

    private static let patience: Duration = .seconds(3)

    private static func ask(_ sharing: Sharing) async -> SharedStateFailure? {
        await withCheckedContinuation { continuation in
            sharing.state.read("weir-doctor") { result in
                if case .failure(let failure) = result {
                    continuation.resume(returning: failure)
                } else {
                    continuation.resume(returning: nil)
                }
            }
        }
    }
}
