package import Vocabulary

extension InMemoryStore {
    package func loadAdminKeys() async throws(StorageFailure) -> AdminKeySnapshot {
        state.withLock { state in
            var snapshot = state.adminKeys
            snapshot.records.sort { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
            return snapshot
        }
    }

    package func commit(
        _ change: AdminKeyChange, expecting generation: Int64
    ) async throws(StorageFailure) -> Int64 {
        let raised: Int64? = state.withLock { state in
            guard state.adminKeys.generation == generation else { return nil }
            state.adminKeys.records.removeAll { $0.id == change.removal || $0.id == change.put?.id }
            if let put = change.put { state.adminKeys.records.append(put) }
            state.adminKeys.generation += 1
            state.wanted.adminKeys = state.adminKeys.generation
            state.wanted.announcedAt = clock.now()
            state.audit += change.audit
            return state.adminKeys.generation
        }
        guard let raised else { throw .conflict }
        return raised
    }

    package func noteUse(ofAdminKeys uses: [String: Timestamp]) async throws(StorageFailure) {
        state.withLock { state in
            for place in state.adminKeys.records.indices {
                guard let time = uses[state.adminKeys.records[place].id] else { continue }
                let known = state.adminKeys.records[place].lastUsedAt
                state.adminKeys.records[place].lastUsedAt = known.map { max($0, time) } ?? time
            }
        }
    }
}
