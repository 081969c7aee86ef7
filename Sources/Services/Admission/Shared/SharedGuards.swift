package import SharedState
import Synchronization
import Vocabulary

/// What instances share to guard their channels, and what has to be done for it now and then.
package final class SharedGuards: Sendable {
    private struct WeakPermits: Sendable { weak var permits: SharedPermits? }

    private struct State {
        var permits: [WeakPermits] = []
        var boards: [String: @Sendable ([Notice]) -> Void] = [:]
        var topics: [String: @Sendable (String) -> Void] = [:]
    }

    package let access: SharedAccess
    package let claims: SharedClaims
    private let instance: String
    /// What a guard does that says nothing of its own.
    private let failsOpen: Bool
    private let liveInstances: @Sendable () -> Int
    private let state = Mutex(State())
    private let isStopped = Atomic<Bool>(false)

    private static let tick = Duration.milliseconds(50)
    /// Boards are read this often, should an announcement be missed.
    private static let boardInterval: UInt64 = 1_000_000_000
    private static let boardTopic = "board"

    /// - Parameters:
    ///   - instance: a name no other instance has.
    ///   - failsOpen: whether guards go by this instance's own count while the shared state does not answer.
    ///   - liveInstances: how many share a limit then; at least 1.
    package init(
        _ shared: any StateSharing, instance: String, failsOpen: Bool, liveInstances: @escaping @Sendable () -> Int,
        observe: @escaping @Sendable (SharedStateEvent) -> Void
    ) {
        self.instance = instance
        self.failsOpen = failsOpen
        self.liveInstances = liveInstances
        access = SharedAccess(shared, observe: observe)
        claims = SharedClaims(instance: instance, access: access)
    }

    /// Whether a guard goes by this instance's own count; nil where it says nothing.
    package func failsOpen(_ choice: Bool?) -> Bool { choice ?? failsOpen }

    /// - Parameter name: what the limit is called among all there are; the same on every instance.
    package func rateGate(_ name: String, requestsPerSecond: Double, burst: Int, failsOpen: Bool?) -> RateGate {
        .shared(
            SharedRateLimiter(
                name: name, requestsPerSecond: requestsPerSecond, burst: burst, failsOpen: self.failsOpen(failsOpen),
                access: access, liveInstances: liveInstances))
    }

    package func permits(_ name: String, limit: Int, failsOpen: Bool?) -> SharedPermits {
        let permits = SharedPermits(
            name: name, limit: limit, instance: instance, failsOpen: self.failsOpen(failsOpen), access: access,
            liveInstances: liveInstances)
        state.withLock { state in
            state.permits.removeAll { $0.permits == nil }
            state.permits.append(WeakPermits(permits: permits))
        }
        return permits
    }

    // MARK: Notices

    /// - Parameter told: what is on the board, now and then and after every change; on any thread.
    package func watch(_ board: String, told: @escaping @Sendable ([Notice]) -> Void) {
        state.withLock { $0.boards[board] = told }
    }

    /// Puts a notice up, or takes it down, and has every instance look.
    ///
    /// - Parameters:
    ///   - lifetime: nil to take it down.
    ///   - told: called when it is done; never where it could not be done.
    package func post(
        _ name: String, on board: String, lifetime: Duration?, told: @escaping @Sendable () -> Void = {}
    ) {
        let until = Stopwatch.nanoseconds() + UInt64((lifetime ?? .seconds(600)).wholeMicroseconds) * 1000
        let announcement = Announcement(topic: Self.boardTopic, text: board)
        access.insist(until: until, bytes: name.utf8.count) { shared, then in
            let done: Answer<Void> = { result in
                if case .success = result {
                    told()
                    // Nobody hears it: everybody looks by themselves soon.
                    shared.announce(announcement) { _ in }
                }
                then(result.map { true })
            }
            if let lifetime {
                shared.post(name, on: board, lifetime: lifetime, then: done)
            } else {
                shared.withdraw(name, from: board, then: done)
            }
        }
    }

    package func readOnce(_ board: String) {
        guard let told = state.withLock({ $0.boards[board] }) else { return }
        let read: SharedAccess.Question<[Notice]> = { $0.read(board, then: $1) }
        access.ask(read) { result in
            if case .success(let notices) = result { told(notices) }
        }
    }

    // MARK: Announcements

    /// - Parameter told: the text of each announcement of the topic.
    package func listen(to topic: String, told: @escaping @Sendable (String) -> Void) {
        state.withLock { $0.topics[topic] = told }
    }

    /// Tells all instances, as far as they hear it.
    package func announce(_ topic: String, _ text: String) {
        let announcement = Announcement(topic: topic, text: text)
        access.ask({ $0.announce(announcement, then: $1) }, then: { _ in })
    }

    // MARK: Now and then

    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.listen() }
            group.addTask { await self.tend() }
        }
    }

    /// ``run()`` returns when the shared state is closed too.
    package func stop() { isStopped.store(true, ordering: .relaxed) }

    private func listen() async {
        for await announcement in access.state.announcements() {
            if announcement.topic == Self.boardTopic {
                readOnce(announcement.text)
            } else if announcement == .missed {
                for board in state.withLock({ Array($0.boards.keys) }) { readOnce(board) }
            } else if let told = state.withLock({ $0.topics[announcement.topic] }) {
                told(announcement.text)
            }
        }
    }

    private func tend() async {
        var next: (renewal: UInt64, boards: UInt64) = (0, 0)
        while !isStopped.load(ordering: .relaxed) {
            let now = Stopwatch.nanoseconds()
            access.tendOnce(at: now)
            if now >= next.renewal {
                next.renewal = now + UInt64(SharedPermits.renewal.wholeMicroseconds) * 1000
                for permits in state.withLock({ $0.permits }) { permits.permits?.renewOnce() }
            }
            if now >= next.boards {
                next.boards = now + Self.boardInterval
                for board in state.withLock({ Array($0.boards.keys) }) { readOnce(board) }
            }
            try? await Task.sleep(for: Self.tick)  // cancelled: the loop ends by its flag
        }
    }
}
