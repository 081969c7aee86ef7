package import Storage
import Vocabulary

/// What an instance may believe of itself, from its beats alone.
///
/// Told the time in nanoseconds of a clock that goes on while the machine sleeps. A beat counts from when it was sent:
/// the database noted it later, so whatever this says ends here before it ends for the others.
package struct Standing: Sendable, Equatable {
    private let id: String
    private let ttl: UInt64
    /// A part of the time to live is left away: clocks of two machines do not run alike.
    private let belief: UInt64
    private let isShared: Bool
    private let runsSchedules: Bool

    private var lastSent: UInt64?
    private var judgesFrom: UInt64 = .max
    private var epoch: Int64 = 0
    private var leadsUntil: UInt64 = 0
    package private(set) var view: ClusterView?
    /// How often others may have taken this one for dead: what it held before, they may hold now.
    package private(set) var lapses = 0
    /// How often the database turned out to be an older state than was seen before: what is served is not to be trusted.
    package private(set) var rewinds = 0

    /// - Parameter isShared: whether others can be on the same database.
    package init(id: String, ttl: Duration, isShared: Bool, runsSchedules: Bool) {
        self.id = id
        self.ttl = UInt64(ttl.wholeMicroseconds) * 1000
        belief = self.ttl / 10 * 9
        self.isShared = isShared
        self.runsSchedules = runsSchedules
    }

    /// A beat was answered.
    package mutating func noteBeat(sentAt: UInt64, answeredAt: UInt64, view: ClusterView) {
        let isFirst = lastSent == nil
        if let lastSent, answeredAt < lastSent + belief {
            // Nobody had reason to think anything.
        } else {
            if !isFirst { lapses += 1 }
            // The database may have been away for all: the others get as long as this one to say that they live.
            judgesFrom = sentAt + ttl
        }
        lastSent = sentAt
        if let last = self.view, view.wanted.isRewound(from: last.wanted) { rewinds += 1 }
        self.view = view
        guard view.leader == id else {
            leadsUntil = 0
            return
        }
        epoch = view.epoch
        leadsUntil = sentAt + belief
    }

    /// Somebody refused a write of this leader: another one leads.
    package mutating func noteFenced() { leadsUntil = 0 }

    /// The epoch to write under; nil for one that does not lead, or cannot be sure of it.
    package func leaderEpoch(at now: UInt64) -> Int64? {
        guard isShared else { return leadsUntil > 0 ? epoch : nil }
        return now < leadsUntil ? epoch : nil
    }

    /// Whether nobody can have taken this one for dead since its last beat.
    package func isSure(at now: UInt64) -> Bool {
        guard isShared else { return true }
        guard let lastSent else { return false }
        return now < lastSent + belief
    }

    /// Whether it may take others for dead that have not been heard of for the time to live.
    package func mayJudge(at now: UInt64) -> Bool {
        guard isShared else { return true }
        return isSure(at: now) && now >= judgesFrom
    }

    /// What the next beat asks for. One that runs no schedules leads only where nobody else could.
    package func candidacy(at now: UInt64) -> Candidacy {
        let others = view?.alive.filter { $0.record.id != id } ?? []
        if !runsSchedules, others.contains(where: \.record.runsSchedules) { return .none }
        return mayJudge(at: now) ? .open : .vacant
    }

    /// Nanoseconds since the last beat that was answered.
    package func silence(at now: UInt64) -> UInt64? { lastSent.map { now > $0 ? now - $0 : 0 } }
}
