package import Storage

extension TraceQueue {
    /// Traces leased at once, for each worker: enough to keep it busy, few enough to leave others some.
    private static let shareOfWorker = 16
    private static let leastShare = 32
    private static let mostShare = 200

    /// Leases what nobody holds: rows of a process that died, retries that are due, requeued dead letters.
    /// - Returns: how many now wait here.
    @discardableResult
    package func rescueOnce() async -> Int {
        guard bounds.hasRoom, !isStopping.load(ordering: .relaxed) else { return 0 }
        do {
            let limit = min(Self.mostShare, max(Self.leastShare, workers * Self.shareOfWorker))
            let leased = try await store.lease(
                limit: limit, owner: instance, patience: tenure.patience(), now: clock.now(), unserved: runner.unserved)
            mayHoldMore.store(leased.count == limit, ordering: .relaxed)
            for record in leased {
                bounds.take(bytes: record.input.count)
                line(
                    up: QueuedTrace(
                        id: record.id, channelID: record.channelID, channel: record.channel, input: record.input,
                        attempt: record.attempt, epoch: record.epoch, createdAt: record.createdAt,
                        traceparent: record.traceparent, mode: record.mode))
            }
            if !leased.isEmpty { observe(.rescued(leased.count)) }
            return leased.count
        } catch {
            observe(.broken(error))
            return 0
        }
    }

    /// After ``stop()``: what waits in memory is free for others at once; what runs stays.
    package func giveBackOnce(to store: any ClusterStore) async {
        do throws(StorageFailure) {
            let count = try await store.giveBack(owner: instance, keeping: held)
            if count > 0 { observe(.givenBack(count)) }
        } catch {
            observe(.broken(error))
        }
    }
}
