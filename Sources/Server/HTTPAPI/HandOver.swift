import Channels
import HTTPServing
import JSONTree
import Workflows

/// Carries a run from the event loop to the background, where it goes on until it is finished.
///
/// A run and its arena belong to one thread at a time. The loop lets go of both when it makes this, and only ``go()``
/// touches them afterwards: that is why the compiler may be told not to check.
final class HandOver: Sendable {
    private nonisolated(unsafe) let run: ChannelRun
    private let finish: SyncFinish

    /// Tasks between two looks at whether others want the thread.
    private static let stepsBetweenYields = 2048
    /// The same on a thread that serves requests too.
    private static let stepsOnLoop = 128

    init(_ run: ChannelRun, _ finish: SyncFinish) {
        self.run = run
        self.finish = finish
    }

    /// - Parameter sharesThread: whether this thread serves requests too.
    func go(sharesThread: Bool) async {
        await Self.drive(run.run, steps: sharesThread ? Self.stepsOnLoop : Self.stepsBetweenYields)
        run.returnPermit()
        var scratch = JSONByteBuffer()
        let reply = finish.reply
        finish.complete(run, scratch: &scratch) { response in
            if reply.eventLoop.inEventLoop {
                reply.send(response)
            } else {
                reply.eventLoop.execute { reply.send(response) }
            }
        }
    }

    /// Runs to the end, giving way to others in between.
    static func drive(_ run: WorkflowRun, steps: Int) async {
        while true {
            switch run.advance(steps: steps) {
            case .finished: return
            case .yielded: await Task.yield()
            case .waiting(let work): run.resume(with: await work())
            }
        }
    }
}
