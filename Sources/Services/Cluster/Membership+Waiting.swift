package import Storage
import Vocabulary

extension Membership {
    /// How far the others are.
    package struct Progress: Sendable, Equatable {
        /// Instances that live now.
        package var live: Int
        /// Those among them that do not have it yet.
        package var behind: [String]
    }

    /// Between two looks at the others.
    private static let pause: Duration = .milliseconds(25)

    /// Waits until every live instance has what is wanted of all now. Whoever ends meanwhile is not waited for.
    package func waitForAll(atMost limit: Duration) async throws(StorageFailure) -> Progress {
        let start = ContinuousClock.now
        let wanted = try await look(fresh: true).wanted
        beatSoon()
        while true {
            let view = try await look(fresh: true)
            let alive = view.alive
            let behind = alive.filter { !$0.record.has(wanted) || $0.record.isAhead(of: view.wanted) }.map(\.record.id)
            if behind.isEmpty || ContinuousClock.now - start >= limit || Task.isCancelled {
                return Progress(live: alive.count, behind: behind)
            }
            // Cancelled: the loop ends with what is known.
            try? await Task.sleep(for: Self.pause)
        }
    }
}

extension InstanceRecord {
    func has(_ wanted: ClusterView.Wanted) -> Bool {
        generation >= wanted.generation && adminKeys >= wanted.adminKeys && reloads >= wanted.reloads
    }

    /// What it has, nobody wants any more: the database was rewound, and this instance has not heard of it yet.
    func isAhead(of wanted: ClusterView.Wanted) -> Bool {
        generation > wanted.newest ?? .max || adminKeys > wanted.adminKeys || reloads > wanted.reloads
    }
}
