import AdminAPI
import Cluster
import Configuring
import HTTPAPI
import Logging
import Storage
import Synchronization
import Traces
import Vocabulary

/// What has to be done now and then: lease what waits, look whether the database answers, and, where this instance
/// leads, delete what is old.
final class Upkeep: Sendable {
    private let settings: Settings
    private let store: any DurableStore
    private let queue: TraceQueue
    private let keys: AdminKeys
    private let operations: Operations
    private let membership: Membership
    private let logger: Logger
    private let isStopped = Atomic<Bool>(false)
    /// Rung when somebody ended, or gave work back: it is looked for at once.
    private let bell: Alarm

    private static let tick: Duration = .milliseconds(200)
    /// Rows deleted in one transaction, so that commits of requests wait for milliseconds only.
    private static let chunk = 2000

    init(
        settings: Settings, store: any DurableStore, queue: TraceQueue, keys: AdminKeys, operations: Operations,
        membership: Membership, bell: Alarm, logger: Logger
    ) {
        self.bell = bell
        self.membership = membership
        self.settings = settings
        self.store = store
        self.queue = queue
        self.keys = keys
        self.operations = operations
        self.logger = logger
    }

    func stop() { isStopped.store(true, ordering: .relaxed) }

    func run() async {
        var turn = 0
        var next = (rescue: 0, ping: 0, keys: 300, prepare: 300, cleanup: 0)
        while !isStopped.load(ordering: .relaxed) {
            if turn >= next.rescue {
                let leased = await queue.rescueOnce()
                // Retries are due after seconds: look again soon, rarely when there is nothing.
                next.rescue = turn + (leased > 0 ? 1 : min(5, settings.dlqPollIntervalSeconds * 5))
            }
            if turn >= next.ping {
                await pingOnce()
                queue.resettleOnce()
                await queue.countBacklogOnce()
                next.ping = turn + 10
            }
            if turn >= next.keys {
                await noteKeysOnce()
                next.keys = turn + 300
            }
            if turn >= next.prepare {
                await prepareOnce()
                next.prepare = turn + 3000
            }
            if turn >= next.cleanup, let epoch = membership.leaderEpoch {
                await cleanUpOnce(epoch)
                next.cleanup = turn + settings.traceCleanupIntervalSeconds * 5
            }
            turn += 1
            if await bell.wait(atMost: Self.tick) { next.rescue = turn }
        }
        await noteKeysOnce()
    }

    private func noteKeysOnce() async {
        do throws(StorageFailure) { try await keys.flushUses(to: store) } catch {
            logger.warning("the last use of admin keys could not be noted", metadata: ["reason": "\(error)"])
        }
    }

    private func prepareOnce() async {
        do throws(StorageFailure) { try await store.prepare() } catch {
            logger.warning("partitions could not be made ahead", metadata: ["reason": "\(error)"])
        }
    }

    private func pingOnce() async {
        do throws(StorageFailure) {
            try await store.ping()
            // A database that answers, and takes no heartbeat, has lost its tables or keeps them locked.
            let silence = membership.isShared ? membership.silence : 0
            operations.setStorageUp(silence < 2 * membership.settings.ttl.inSeconds)
        } catch {
            operations.setStorageUp(false)
            logger.error("the database does not answer", metadata: ["reason": "\(error)"])
        }
    }

    private func cleanUpOnce(_ epoch: Int64) async {
        do throws(StorageFailure) {
            let now = membership.clock.now()
            if settings.traceRetentionHours > 0 {
                let before = now + .seconds(-3600 * settings.traceRetentionHours)
                while try await store.deleteTraces(before: before, limit: Self.chunk, epoch: epoch) == Self.chunk {}
            }
            if settings.traceRetentionCount > 0 {
                while try await store.deleteTraces(
                    keeping: settings.traceRetentionCount, limit: Self.chunk, epoch: epoch) == Self.chunk
                {}
            }
            if settings.auditRetentionDays > 0 {
                let before = now + .seconds(-86_400 * settings.auditRetentionDays)
                _ = try await store.deleteAudit(before: before, epoch: epoch)
            }
            if settings.cronRetentionDays > 0 {
                let before = now + .seconds(-86_400 * settings.cronRetentionDays)
                while try await store.deleteOccurrences(before: before, limit: Self.chunk, epoch: epoch) == Self.chunk {
                }
            }
            if settings.cronRetentionCount > 0 {
                while try await store.deleteOccurrences(
                    keeping: settings.cronRetentionCount, limit: Self.chunk, epoch: epoch) == Self.chunk
                {}
            }
        } catch .conflict {
            // Another instance leads by now, and deletes.
            membership.noteFenced()
        } catch {
            logger.error("old rows could not be deleted", metadata: ["reason": "\(error)"])
        }
    }
}
