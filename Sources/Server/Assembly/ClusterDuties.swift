import AdminAPI
import Channels
import Cluster
import Configuring
import HTTPAPI
import HTTPServing
import Logging
import Storage
import Traces
import Vocabulary

/// What this server says of itself with each beat, and how it follows what others have changed.
enum ClusterDuties {
    static func elsewhere(_ settings: Settings, _ membership: Membership) -> Elsewhere {
        Elsewhere(redirects: settings.channelsNotServed == "redirect") { channel in
            let others = membership.view?.alive.filter { $0.record.id != membership.id } ?? []
            return others.map(\.record).filter { record in
                !record.address.isEmpty && Glob.selects(channel, include: record.include, exclude: record.exclude)
            }.map(\.address)
        }
    }

    static func make(
        engine: Engine, keys: AdminKeys, queue: TraceQueue, connections: ConnectionCounts, _ store: any DurableStore,
        _ logger: Logger
    ) -> Membership.Duties {
        Membership.Duties(
            describe: { record in
                record.generation = engine.generation
                record.adminKeys = keys.generation
                record.connections = connections.total
                record.queued = queue.bounds.count
                record.activeWorkers = queue.activeWorkers
            },
            follow: { wanted, reloads, isRewound in
                do {
                    if isRewound || keys.generation < wanted.adminKeys {
                        try await keys.load(from: store, anew: isRewound)
                    }
                    if isRewound || engine.generation < wanted.generation || reloads < wanted.reloads {
                        _ = try await engine.load(anew: isRewound)
                    }
                    return true
                } catch {
                    logger.warning("a change could not be loaded; it is tried again", metadata: ["reason": "\(error)"])
                    return false
                }
            })
    }
}
