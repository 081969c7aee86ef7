import Outbound
import Synchronization
import Testing

@Suite struct SingleFlightTests {
    /// Work that goes on until it is told to stop.
    private final class Latch: Sendable {
        let calls = Atomic<Int>(0)
        private let open = Mutex<(isOpen: Bool, waiter: CheckedContinuation<Void, Never>?)>((false, nil))

        func wait() async {
            await withCheckedContinuation { continuation in
                let isOpen = open.withLock { state in
                    if !state.isOpen { state.waiter = continuation }
                    return state.isOpen
                }
                if isOpen { continuation.resume() }
            }
        }

        func release() {
            let waiter = open.withLock { state in
                state.isOpen = true
                return state.waiter
            }
            waiter?.resume()
        }
    }

    @Test func `one does the work, all get the result`() async {
        let flight = SingleFlight<Int>()
        let latch = Latch()

        let results = await withTaskGroup(of: Int?.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    await flight.run(waitingAtMost: .seconds(3600)) {
                        latch.calls.add(1, ordering: .relaxed)
                        await latch.wait()
                        return 7
                    }
                }
            }
            while flight.waiterCount < 19 { await Task.yield() }
            latch.release()
            return await group.reduce(into: []) { $0.append($1) }
        }

        #expect(results == Array(repeating: 7, count: 20) && latch.calls.load(ordering: .relaxed) == 1)
        #expect(flight.waiterCount == 0)
        #expect(await flight.run(waitingAtMost: .zero) { 8 } == 8)
    }

    @Test func `nobody waits longer than they may, and the others still get the result`() async {
        let flight = SingleFlight<Int>()
        let latch = Latch()

        let (impatient, patient) = await withTaskGroup(of: Int?.self, returning: (Int?, Int?).self) { group in
            group.addTask {
                await flight.run(waitingAtMost: .zero) {
                    await latch.wait()
                    return 7
                }
            }
            while !flight.isUnderWay { await Task.yield() }
            let impatient = await flight.run(waitingAtMost: .milliseconds(1)) { 9 }
            latch.release()
            return (impatient, await group.next() ?? nil)
        }

        #expect(impatient == nil && patient == 7 && flight.waiterCount == 0)
    }
}
