import NIOCore
import Outbound

extension EventLoop {
    /// What `operation` answers, or `timedOut` once the deadline is there, even where the operation cannot be stopped: it
    /// is cancelled, and whatever it says later is dropped. A cancelled caller is answered at once too.
    func answer<Value: Sendable>(
        by deadline: NIODeadline, _ operation: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let promise = makePromise(of: Value.self)
        let work = Task {
            do { promise.succeed(try await operation()) } catch { promise.fail(error) }
        }
        let alarm = scheduleTask(deadline: deadline) {
            promise.fail(OutboundFailure.timedOut)
            work.cancel()
        }
        defer { alarm.cancel() }
        return try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            promise.fail(OutboundFailure.timedOut)
            work.cancel()
        }
    }
}
