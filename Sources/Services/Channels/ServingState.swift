import Synchronization

/// The snapshot that is served now. Reloading swaps a pointer; threads that serve keep their own copy and look at the
/// generation number, which costs one atomic read, so the lock is taken only right after a reload.
package final class ServingState: Sendable {
    private let snapshot: Mutex<ServingSnapshot>
    private let turn = Atomic<Int>(0)

    package init(_ snapshot: ServingSnapshot = .empty) { self.snapshot = Mutex(snapshot) }

    package var current: ServingSnapshot { snapshot.withLock { $0 } }

    /// - Parameter replaces: whether the snapshot that is served now may give way.
    package func swap(for next: ServingSnapshot, where replaces: (ServingSnapshot) -> Bool = { _ in true }) {
        snapshot.withLock { current in
            guard replaces(current) else { return }
            current = next
        }
        turn.add(1, ordering: .releasing)
    }

    /// One thread's copy of the current snapshot.
    package struct Reader {
        private var seen: Int
        private var snapshot: ServingSnapshot

        package init(_ state: ServingState) {
            seen = state.turn.load(ordering: .acquiring)
            snapshot = state.current
        }

        @inline(__always)
        package mutating func current(of state: ServingState) -> ServingSnapshot {
            let turn = state.turn.load(ordering: .acquiring)
            if turn != seen {
                seen = turn
                snapshot = state.current
            }
            return snapshot
        }
    }
}
