package import Vocabulary

/// What an instance says of itself with each beat.
package struct InstanceRecord: Sendable, Equatable {
    /// Chosen at its start; never used again.
    package var id: String
    package var version: String
    /// Where others may send callers; empty where it is not to be reached.
    package var address: String
    /// The definitions it serves.
    package var generation: Int64 = 0
    /// The admin keys it takes.
    package var adminKeys: Int64 = 0
    /// The newest order to reload that it has followed.
    package var reloads: Int64 = 0
    /// Channels it serves: names and globs; `include` empty for all.
    package var include: [String] = []
    package var exclude: [String] = []
    /// Whether it may run schedules.
    package var runsSchedules = true
    /// Connections of callers.
    package var connections = 0
    /// Accepted runs that wait in its memory.
    package var queued = 0
    package var workers = 0
    package var activeWorkers = 0

    package init(id: String, version: String, address: String) {
        self.id = id
        self.version = version
        self.address = address
    }
}

/// An instance as the others know it.
package struct ClusterMember: Sendable, Equatable {
    package var record: InstanceRecord
    /// By the database's clock, like all times here.
    package var startedAt: Timestamp
    package var lastBeat: Timestamp
    /// Its last beat is younger than the time to live.
    package var isAlive: Bool

    package init(record: InstanceRecord, startedAt: Timestamp, lastBeat: Timestamp, isAlive: Bool) {
        self.record = record
        self.startedAt = startedAt
        self.lastBeat = lastBeat
        self.isAlive = isAlive
    }
}

/// The cluster at one moment.
package struct ClusterView: Sendable, Equatable {
    /// By the database's clock.
    package var now: Timestamp
    /// Those alive and those that ended without a word lately, by id.
    package var members: [ClusterMember]
    /// Who leads; nil where nobody does.
    package var leader: String?
    /// Grows by one with each new leader. A write under an older one is refused.
    package var epoch: Int64
    /// What every instance is to serve at least.
    package var wanted: Wanted

    package struct Wanted: Sendable, Equatable {
        package var generation: Int64 = 0
        package var adminKeys: Int64 = 0
        package var reloads: Int64 = 0
        /// The newest generation there is, announced or not; nil where nobody else could know another.
        package var newest: Int64?
        /// When the newest of them was announced.
        package var announcedAt = Timestamp(microseconds: 0)

        package init() {}

        /// Whether what was wanted before cannot have come to be this: the database is another, or an older state of it, as
        /// after a failover that lost changes, or a restore.
        package func isRewound(from last: Wanted) -> Bool {
            let isLess =
                generation < last.generation || adminKeys < last.adminKeys || reloads < last.reloads
                || newest ?? 0 < last.newest ?? 0
            var same = last
            same.announcedAt = announcedAt
            return isLess || same == self && announcedAt != last.announcedAt
        }
    }

    package init(now: Timestamp, members: [ClusterMember], leader: String?, epoch: Int64, wanted: Wanted) {
        self.now = now
        self.members = members
        self.leader = leader
        self.epoch = epoch
        self.wanted = wanted
    }

    package var alive: [ClusterMember] { members.filter(\.isAlive) }
}

/// What an instance wants of leadership with a beat. Whoever leads keeps leading with each beat but `none`.
package enum Candidacy: Sendable, Equatable, CaseIterable {
    /// Not to lead: what it holds, it lets go.
    case none
    /// To lead if nobody holds it.
    case vacant
    /// To lead also in the place of one whose time is over.
    case open
}

/// Keeps who is there and who leads. All times are the database's: an instance's clock counts for nothing.
package protocol ClusterStore: Sendable {
    /// Whether other processes may use this database too. Where not, the members of one are all there is.
    var isShared: Bool { get }

    /// Says that an instance lives, for `ttl` from now, and takes or keeps leadership for as long. One round trip.
    func beat(_ record: InstanceRecord, ttl: Duration, candidacy: Candidacy) async throws(StorageFailure) -> ClusterView

    /// The same view without a beat.
    func clusterView(ttl: Duration) async throws(StorageFailure) -> ClusterView

    /// Gives back what an instance holds and does not run: others may lease it at once.
    /// - Parameter keeping: traces it is still running.
    /// - Returns: how many.
    func giveBack(owner: String, keeping: [Identifier]) async throws(StorageFailure) -> Int

    /// An instance ends: its traces and leadership are free, and it is no member any more.
    func depart(_ id: String) async throws(StorageFailure)

    /// Tells of announcements as they are made, until the task is cancelled; returns at once where nobody can tell. What
    /// was missed is not told: beats are the net below.
    func listen(_ heard: @escaping @Sendable () -> Void) async

    /// Orders every instance to load everything anew.
    /// - Returns: the number of the order.
    func orderReload() async throws(StorageFailure) -> Int64
}

extension ClusterStore {
    package func listen(_ heard: @escaping @Sendable () -> Void) async {}
}
