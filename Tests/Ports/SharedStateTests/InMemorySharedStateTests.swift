import SharedState
import SharedStateConformance
import Synchronization
import Testing
import Vocabulary

@Suite struct InMemorySharedStateTests {
    @Test(arguments: SharedStateConformance.promises.keys.sorted())
    func `memory keeps the promise`(_ promise: String) async throws {
        let clock = HandClock()
        let state = InMemorySharedState(clock: { clock.now })
        try await SharedStateConformance(
            of: .init(
                views: [state, state, state], unit: .seconds(1),
                lettingTimePass: { clock.advance(by: $0) },
                elapsed: { .microseconds(clock.now) })
        ).verify(promise)
    }

    @Test func `what is closed answers no more`() async throws {
        let state = InMemorySharedState()
        await state.close()
        await #expect(throws: SharedStateFailure.unreachable("It was closed.")) { try await state.ping() }
        var heard = 0
        for await _ in state.announcements() { heard += 1 }
        #expect(heard == 0)
    }
}

private final class HandClock: Sendable {
    private let microseconds = Atomic<Int64>(1_000_000)
    var now: Int64 { microseconds.load(ordering: .relaxed) }
    func advance(by duration: Duration) { microseconds.add(duration.wholeMicroseconds, ordering: .relaxed) }
}
