import Cluster
import Seeds
import Storage
import Testing
import Vocabulary

/// What instances believe of themselves, against what a database would say, with pauses and failures by chance.
@Suite struct StandingTests {
    private static let ttl: Duration = .milliseconds(2000)
    private static let belief: UInt64 = 1_800_000_000

    private func record(_ id: String) -> InstanceRecord { InstanceRecord(id: id, version: "1", address: "") }

    private func view(_ leader: String?, epoch: Int64 = 1, alive: [InstanceRecord] = []) -> ClusterView {
        let now = Timestamp(microseconds: 0)
        return ClusterView(
            now: now,
            members: alive.map { ClusterMember(record: $0, startedAt: now, lastBeat: now, isAlive: true) },
            leader: leader, epoch: epoch, wanted: .init())
    }

    /// Time goes on by chance; instances beat, are frozen between sending and hearing, and are cut off, by chance.
    @Test(arguments: 0..<300 as Range<UInt64>)
    func `no two ever write as leaders, and nobody believes to lead when another may`(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var book = ClusterBook()
        var now: UInt64 = 1_000_000_000
        var instances = ["a", "b", "c"].map {
            Standing(id: $0, ttl: Self.ttl, isShared: true, runsSchedules: true)
        }
        /// Beats that were sent and have not been heard of: whose, since when, with what answer.
        var underWay: [(place: Int, sentAt: UInt64, view: ClusterView)] = []
        var lastEpoch: Int64 = 0
        var leaders: [Int64: Int] = [:]
        for _ in 0..<400 {
            now += UInt64.random(in: 0...(Bool.random(using: &random) ? 300 : 1500), using: &random) * 1_000_000
            let place = Int.random(in: 0..<3, using: &random)
            let wall = Timestamp(microseconds: Int64(now / 1000))
            if let pending = underWay.firstIndex(where: { $0.place == place }) {
                let beat = underWay.remove(at: pending)
                instances[place].noteBeat(sentAt: beat.sentAt, answeredAt: now, view: beat.view)
            } else if Int.random(in: 0..<5, using: &random) > 0 {  // else it is lost
                let id = ["a", "b", "c"][place]
                let candidacy = instances[place].candidacy(at: now)
                _ = book.beat(record(id), ttl: Self.ttl, candidacy: candidacy, at: wall)
                underWay.append((place, now, book.view(ttl: Self.ttl, at: wall, wanted: .init())))
            }

            #expect(book.epoch >= lastEpoch, "seed \(seed)")
            lastEpoch = book.epoch
            let believing = instances.indices.filter { instances[$0].leaderEpoch(at: now) != nil }
            #expect(believing.count <= 1, "seed \(seed): \(believing)")
            for place in believing {
                let epoch = instances[place].leaderEpoch(at: now) ?? 0
                #expect(
                    book.view(ttl: Self.ttl, at: wall, wanted: .init()).leader == ["a", "b", "c"][place], "seed \(seed)"
                )
                #expect(leaders[epoch, default: place] == place, "seed \(seed): one epoch, two leaders")
                leaders[epoch] = place
            }
            for place in instances.indices where instances[place].isSure(at: now) {
                #expect(book.isAlive(["a", "b", "c"][place], ttl: Self.ttl, at: wall), "seed \(seed)")
            }
        }
    }

    @Test func `who was silent for too long counts a lapse and judges nobody for a time to live`() {
        var standing = Standing(id: "a", ttl: Self.ttl, isShared: true, runsSchedules: true)
        #expect(!standing.isSure(at: 0) && standing.candidacy(at: 0) == .vacant)
        standing.noteBeat(sentAt: 0, answeredAt: 1, view: view(nil))
        #expect(standing.isSure(at: 1) && !standing.mayJudge(at: 1), "at its start it has not watched anybody")
        for beat in 1...5 as ClosedRange<UInt64> {
            standing.noteBeat(sentAt: beat * 500_000_000, answeredAt: beat * 500_000_000 + 1, view: view(nil))
        }
        #expect(standing.mayJudge(at: 2_500_000_001) && standing.candidacy(at: 2_500_000_001) == .open)
        #expect(standing.lapses == 0)

        standing.noteBeat(sentAt: 60_000_000_000, answeredAt: 60_000_000_001, view: view(nil))

        #expect(standing.lapses == 1 && standing.isSure(at: 60_000_000_001))
        #expect(!standing.mayJudge(at: 60_000_000_001) && standing.candidacy(at: 60_000_000_001) == .vacant)
    }

    @Test func `an answer that came late is a lapse even where it was sent in time`() {
        var standing = Standing(id: "a", ttl: Self.ttl, isShared: true, runsSchedules: true)
        standing.noteBeat(sentAt: 0, answeredAt: 1, view: view("a"))
        standing.noteBeat(sentAt: 500_000_000, answeredAt: 500_000_000 + 60_000_000_000, view: view("a"))
        #expect(standing.lapses == 1)
        #expect(standing.leaderEpoch(at: 60_600_000_000) == nil, "it counts from when it was sent")
    }

    @Test func `a leader stops by its own clock, and when it is refused`() {
        var standing = Standing(id: "a", ttl: Self.ttl, isShared: true, runsSchedules: true)
        standing.noteBeat(sentAt: 0, answeredAt: 1, view: view("a", epoch: 7))
        #expect(standing.leaderEpoch(at: Self.belief - 1) == 7)
        #expect(standing.leaderEpoch(at: Self.belief) == nil)
        standing.noteFenced()
        #expect(standing.leaderEpoch(at: 2) == nil)
    }

    @Test func `alone on its database it leads without an end and judges at once`() {
        var standing = Standing(id: "a", ttl: Self.ttl, isShared: false, runsSchedules: true)
        #expect(standing.candidacy(at: 0) == .open)
        standing.noteBeat(sentAt: 0, answeredAt: 1, view: view("a", epoch: 3))
        #expect(standing.leaderEpoch(at: .max) == 3 && standing.isSure(at: .max) && standing.mayJudge(at: 0))
    }

    @Test func `one that runs no schedules leads only where nobody else could`() {
        var standing = Standing(id: "a", ttl: Self.ttl, isShared: true, runsSchedules: false)
        standing.noteBeat(sentAt: 0, answeredAt: 1, view: view(nil, alive: [record("a"), record("b")]))
        #expect(standing.candidacy(at: 1) == .none)
        var other = record("b")
        other.runsSchedules = false
        standing.noteBeat(sentAt: 2, answeredAt: 3, view: view(nil, alive: [record("a"), other]))
        #expect(standing.candidacy(at: 3) == .vacant)
    }

    @Test func `what cannot have come to be since is told from what can`() {
        var last = ClusterView.Wanted()
        (last.generation, last.adminKeys, last.reloads, last.newest) = (4, 2, 1, 6)
        last.announcedAt = Timestamp(microseconds: 100)
        func isRewound(_ change: (inout ClusterView.Wanted) -> Void) -> Bool {
            var next = last
            change(&next)
            return next.isRewound(from: last)
        }
        let later = Timestamp(microseconds: 200)

        #expect(!isRewound { _ in })
        #expect(!isRewound { ($0.generation, $0.newest, $0.announcedAt) = (7, 7, later) })
        #expect(!isRewound { ($0.newest, $0.announcedAt) = (7, later) })
        #expect(isRewound { $0.generation = 3 } && isRewound { $0.adminKeys = 1 } && isRewound { $0.reloads = 0 })
        #expect(isRewound { $0.newest = 5 })
        #expect(isRewound { $0.announcedAt = later }, "the same numbers, reached another time")
    }
}
