package import Vocabulary

extension InMemoryStore {
    /// Only this process has it; within one, tests let several instances share it.
    package var isShared: Bool { false }

    package func beat(
        _ record: InstanceRecord, ttl: Duration, candidacy: Candidacy
    ) async throws(StorageFailure) -> ClusterView {
        let now = clock.now()
        return state.withLock { state in
            _ = state.cluster.beat(record, ttl: ttl, candidacy: candidacy, at: now)
            return state.cluster.view(ttl: ttl, at: now, wanted: state.wanted)
        }
    }

    package func clusterView(ttl: Duration) async throws(StorageFailure) -> ClusterView {
        let now = clock.now()
        return state.withLock { $0.cluster.view(ttl: ttl, at: now, wanted: $0.wanted) }
    }

    package func giveBack(owner: String, keeping: [Identifier]) async throws(StorageFailure) -> Int {
        state.withLock { Self.giveBack(owner, keeping, in: &$0) }
    }

    private static func giveBack(_ owner: String, _ keeping: [Identifier], in state: inout State) -> Int {
        let kept = Set(keeping)
        let held = state.traces.values.filter {
            $0.owner == owner && ($0.status == .pending || $0.status == .running) && !kept.contains($0.id)
        }
        for record in held { state.traces[record.id]?.owner = "" }
        return held.count
    }

    package func depart(_ id: String) async throws(StorageFailure) {
        state.withLock { state in
            state.cluster.depart(id)
            _ = Self.giveBack(id, [], in: &state)
        }
    }

    package func orderReload() async throws(StorageFailure) -> Int64 {
        let now = clock.now()
        return state.withLock { state in
            state.wanted.reloads += 1
            state.wanted.announcedAt = now
            return state.wanted.reloads
        }
    }
}
