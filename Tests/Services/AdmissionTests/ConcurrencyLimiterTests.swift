import Admission
import Synchronization
import Testing

@Suite struct ConcurrencyLimiterTests {
    /// Counts who is inside, and how often that was too many.
    private final class Room: Sendable {
        let inside = Atomic<Int>(0)
        let tooMany = Atomic<Int>(0)
    }

    @Test func `lends as many as there are, and again what came back`() {
        let limiter = ConcurrencyLimiter(limit: 2)

        #expect(limiter.take() && limiter.take())
        #expect(!limiter.take())
        limiter.giveBack()

        #expect(limiter.take())
        #expect(limiter.inUse == 2)
    }

    @Test func `never lends more than the limit to many threads, and gets all of it back`() async {
        let limiter = ConcurrencyLimiter(limit: 3)
        let room = Room()

        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<5000 where limiter.take() {
                        if room.inside.add(1, ordering: .sequentiallyConsistent).newValue > 3 {
                            room.tooMany.add(1, ordering: .relaxed)
                        }
                        room.inside.subtract(1, ordering: .sequentiallyConsistent)
                        limiter.giveBack()
                    }
                }
            }
        }

        #expect(room.tooMany.load(ordering: .relaxed) == 0)
        #expect(limiter.inUse == 0)
    }
}
