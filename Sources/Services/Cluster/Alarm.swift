import Synchronization

/// Wakes one sleeper before its time: something has changed that it should look at.
package final class Alarm: Sendable {
    private struct State {
        var isRinging = false
        var sleeper: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    package init() {}

    /// Wakes the sleeper, or the next one at once. Several before it wakes are one.
    package func ring() {
        let sleeper = state.withLock { state in
            state.isRinging = true
            let sleeper = state.sleeper
            state.sleeper = nil
            return sleeper
        }
        sleeper?.resume()
    }

    /// - Returns: whether it rang; `false` when the time was over first, or the task was cancelled.
    package func wait(atMost duration: Duration) async -> Bool {
        await withTaskGroup { group in
            group.addTask { try? await Task.sleep(for: duration) }  // cancelled: it rang first
            group.addTask { await self.untilRung() }
            await group.next()
            group.cancelAll()
        }
        return state.withLock { state in
            let rang = state.isRinging
            state.isRinging = false
            return rang
        }
    }

    private func untilRung() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.isRinging { return true }
                    state.sleeper = continuation
                    return false
                }
                if isOver { return continuation.resume() }
                // Cancelled before there was anybody to wake: nobody else will.
                if Task.isCancelled { wake() }
            }
        } onCancel: {
            wake()
        }
    }

    private func wake() {
        let sleeper = state.withLock { state in
            let sleeper = state.sleeper
            state.sleeper = nil
            return sleeper
        }
        sleeper?.resume()
    }
}
