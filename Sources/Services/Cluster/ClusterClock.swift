import Storage
import Synchronization
package import Vocabulary

/// The database's clock, as near as beats tell it: every instance reads the same time, whatever its own clock says.
///
/// Each answered beat bounds the difference to this machine's steady clock; the estimate moves only when it must. Until
/// the first one, and where the database is this machine's own file, it is this machine's clock.
package final class ClusterClock: Sendable {
    private static let none = Int64.min
    /// Microseconds from the steady clock to the database's.
    private let offset = Atomic<Int64>(ClusterClock.none)
    private let steady: @Sendable () -> UInt64

    package init(steady: @escaping @Sendable () -> UInt64 = { Stopwatch.nanosecondsAsleepToo() }) {
        self.steady = steady
    }

    package var wall: WallClock { WallClock { self.now() } }

    package func now() -> Timestamp {
        let offset = offset.load(ordering: .relaxed)
        guard offset != Self.none else { return .now() }
        return Timestamp(microseconds: Int64(steady() / 1000) + offset)
    }

    /// The database read `time` on its clock between two moments of ours.
    package func note(_ time: Timestamp, between sentAt: UInt64, and answeredAt: UInt64) {
        let least = time.microseconds - Int64(answeredAt / 1000)
        let most = time.microseconds - Int64(sentAt / 1000)
        let known = offset.load(ordering: .relaxed)
        let next =
            known == Self.none ? least + (most - least) / 2 : Swift.min(Swift.max(known, least), Swift.max(most, least))
        offset.store(next, ordering: .relaxed)
    }

    /// How far this machine's own clock is from it; positive where ours is ahead.
    package var error: Duration { Timestamp.now() - now() }
}
