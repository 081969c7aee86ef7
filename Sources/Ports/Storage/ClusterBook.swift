package import Vocabulary

/// Who is there and who leads, in memory: the reference for what a database keeps, and all that a database needs which
/// only one process can open.
package struct ClusterBook: Sendable {
    private struct Entry {
        var record: InstanceRecord
        var startedAt: Timestamp
        var lastBeat: Timestamp
    }

    private var entries: [String: Entry] = [:]
    private var holder: String?
    private var expiry = Timestamp(microseconds: .min)
    package private(set) var epoch: Int64 = 0

    /// How long one that ended without a word is still shown.
    package static let memory: Duration = .seconds(3600)

    /// - Parameter epoch: of the last leader there was.
    package init(epoch: Int64 = 0) { self.epoch = epoch }

    /// - Returns: whether it begins to lead with this beat.
    package mutating func beat(
        _ record: InstanceRecord, ttl: Duration, candidacy: Candidacy, at now: Timestamp
    ) -> Bool {
        entries[record.id] = Entry(
            record: record, startedAt: entries[record.id]?.startedAt ?? now, lastBeat: now)
        entries = entries.filter { now - $0.value.lastBeat < Self.memory }
        if holder == record.id {
            if candidacy == .none { holder = nil } else { expiry = now + ttl }
            return false
        }
        let isFree = holder == nil ? candidacy != .none : candidacy == .open && expiry <= now
        guard isFree else { return false }
        holder = record.id
        expiry = now + ttl
        epoch += 1
        return true
    }

    package mutating func depart(_ id: String) {
        entries[id] = nil
        if holder == id { holder = nil }
    }

    /// Refuses who leads no more.
    package func fence(_ epoch: Int64) throws(StorageFailure) {
        guard epoch >= self.epoch else { throw .conflict }
    }

    package func isAlive(_ id: String, ttl: Duration, at now: Timestamp) -> Bool {
        entries[id].map { now < $0.lastBeat + ttl } ?? false
    }

    package func alive(ttl: Duration, at now: Timestamp) -> [String] {
        entries.keys.filter { isAlive($0, ttl: ttl, at: now) }
    }

    package func view(ttl: Duration, at now: Timestamp, wanted: ClusterView.Wanted) -> ClusterView {
        ClusterView(
            now: now,
            members: entries.values.sorted { $0.record.id < $1.record.id }.map {
                ClusterMember(
                    record: $0.record, startedAt: $0.startedAt, lastBeat: $0.lastBeat,
                    isAlive: isAlive($0.record.id, ttl: ttl, at: now))
            },
            leader: now < expiry ? holder : nil, epoch: epoch, wanted: wanted)
    }
}
