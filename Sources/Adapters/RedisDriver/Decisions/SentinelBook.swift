/// Which sentinel to ask, and whom to believe, in the abstract: it is told what was heard and says what to do.
///
/// Sentinels number their elections; a master of an older election than one that was heard of is not followed, however
/// late the sentinel is that names it, unless every sentinel there is says so: then they began anew. Sentinels that others
/// name are asked as well, so that those in the URL may go.
struct SentinelBook: Sendable {
    enum Hearing: Sendable, Equatable {
        /// A new master: follow it.
        case follow(RedisAddress)
        /// It is the one that is followed already.
        case confirmed
        /// An older election than the last one heard of, or no master at all.
        case ignored
    }

    /// In the order they are asked.
    private(set) var sentinels: [RedisAddress]
    private(set) var master: RedisAddress?
    private var epoch: Int64 = -1
    /// Sentinels whose last word was of an older election.
    private var late: Set<RedisAddress> = []
    private let seeds: [RedisAddress]

    /// Sentinels beyond those of the URL that are remembered.
    private static let mostLearned = 64

    init(seeds: [RedisAddress]) {
        self.seeds = seeds
        sentinels = seeds
    }

    /// It did not answer, or does not know the master: the others are asked before it.
    mutating func failed(_ sentinel: RedisAddress) {
        guard let place = sentinels.firstIndex(of: sentinel) else { return }
        sentinels.append(sentinels.remove(at: place))
    }

    /// A sentinel named a master.
    ///
    /// - Parameter epoch: of the election that made it the master (`config-epoch`).
    mutating func heard(_ address: RedisAddress, epoch: Int64, from sentinel: RedisAddress) -> Hearing {
        guard epoch >= self.epoch else {
            late.insert(sentinel)
            failed(sentinel)
            guard late.isSuperset(of: sentinels) else { return .ignored }
            self.epoch = -1
            return heard(address, epoch: epoch, from: sentinel)
        }
        late = []
        // Two masters of one election: the one that was heard first is followed until another election.
        if epoch == self.epoch, let master { return master == address ? .confirmed : .ignored }
        self.epoch = epoch
        if let place = sentinels.firstIndex(of: sentinel) { sentinels.insert(sentinels.remove(at: place), at: 0) }
        if master == address { return .confirmed }
        master = address
        return .follow(address)
    }

    /// Sentinels that a sentinel knows.
    mutating func learned(_ others: [RedisAddress]) {
        for other in others where !sentinels.contains(other) && sentinels.count < seeds.count + Self.mostLearned {
            sentinels.append(other)
        }
    }
}
