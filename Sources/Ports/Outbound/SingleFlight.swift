import Synchronization

/// One call out for all who want its result at the same time: the first makes it, the others wait for what it brings,
/// each no longer than it may.
package final class SingleFlight<Value: Sendable>: Sendable {
    private enum Place {
        /// Waits, but has not said yet whom to wake.
        case announced
        case waiting(CheckedContinuation<Value?, Never>)
        /// The result came first.
        case told(Value?)
    }

    private struct State {
        var isUnderWay = false
        var places: [UInt64: Place] = [:]
        var nextPlace: UInt64 = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// How many wait for the call that is under way.
    package var waiterCount: Int { state.withLock { $0.places.count } }

    package var isUnderWay: Bool { state.withLock { $0.isUnderWay } }

    /// - Parameters:
    ///   - limit: how long to wait for somebody else's call. A call of one's own ends by itself.
    ///   - work: makes the call; nil where it brought nothing that others could use.
    /// - Returns: what it brought; nil also when the time was up.
    package func run(waitingAtMost limit: Duration, _ work: @Sendable () async -> Value?) async -> Value? {
        let place = state.withLock { state -> UInt64? in
            guard state.isUnderWay else {
                state.isUnderWay = true
                return nil
            }
            state.nextPlace += 1
            state.places[state.nextPlace] = .announced
            return state.nextPlace
        }
        if let place { return await wait(at: place, atMost: limit) }
        let value = await work()
        finish(with: value)
        return value
    }

    private func finish(with value: Value?) {
        let woken = state.withLock { state -> [CheckedContinuation<Value?, Never>] in
            state.isUnderWay = false
            var woken: [CheckedContinuation<Value?, Never>] = []
            for (id, place) in state.places {
                switch place {
                case .announced: state.places[id] = .told(value)
                case .waiting(let continuation):
                    state.places[id] = nil
                    woken.append(continuation)
                case .told: break
                }
            }
            return woken
        }
        for continuation in woken { continuation.resume(returning: value) }
    }

    private func wait(at place: UInt64, atMost limit: Duration) async -> Value? {
        await withTaskGroup(of: Value?.self) { group in
            group.addTask {
                await withCheckedContinuation { self.sit($0, at: place) }
            }
            group.addTask {
                // Cancelled when the result is there; the place is given up either way.
                try? await Task.sleep(for: limit)
                self.leave(place)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
    }

    private func sit(_ continuation: CheckedContinuation<Value?, Never>, at place: UInt64) {
        let told = state.withLock { state -> Value?? in
            switch state.places[place] {
            case .announced:
                state.places[place] = .waiting(continuation)
                return nil
            case .told(let value):
                state.places[place] = nil
                return .some(value)
            case .waiting, nil: return .some(nil)
            }
        }
        if let told { continuation.resume(returning: told) }
    }

    private func leave(_ place: UInt64) {
        let continuation = state.withLock { state -> CheckedContinuation<Value?, Never>? in
            switch state.places[place] {
            case .waiting(let continuation):
                state.places[place] = nil
                return continuation
            case .announced:
                state.places[place] = .told(nil)
                return nil
            case .told, nil: return nil
            }
        }
        continuation?.resume(returning: nil)
    }
}
