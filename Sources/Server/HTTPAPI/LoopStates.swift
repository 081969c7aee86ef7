package import Channels
import NIOPosix
import Synchronization

/// The state of each event loop, made when the loop first asks for it.
package final class LoopStates: Sendable {
    private let state: ServingState
    // Each thread sees only what it has put there itself.
    private nonisolated(unsafe) let loops = ThreadSpecificVariable<LoopState>()
    private let nextLane = Atomic<Int>(0)

    package init(_ state: ServingState) { self.state = state }

    /// Of the loop this is called on.
    func current() -> LoopState {
        if let state = loops.currentValue { return state }
        let lane = nextLane.add(1, ordering: .relaxed).oldValue
        let state = LoopState(lane: lane, state: state)
        loops.currentValue = state
        return state
    }
}
