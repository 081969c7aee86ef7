package import Admission
package import JSONTree
import Vocabulary
package import Workflows

/// One admitted request: its workflow's run, and the permit it holds until the end.
///
/// Used by one thread at a time. The permit goes back exactly once: when the run finishes, or when it is let go of.
package final class ChannelRun {
    package let channel: ServedChannel
    package let run: WorkflowRun
    package let startedAt: UInt64
    private var holdsPermit = true
    /// What it holds of what all instances share.
    private let shared: Permit?

    /// - Parameter shared: the permit, where instances share the channel's.
    /// - Throws: a refusal when the channel has no permit left; nothing is held then.
    package init(
        channel: ServedChannel, workflow: CompiledWorkflow, payload: JSONValue, metadata: JSONValue, arena: JSONArena,
        options: WorkflowRunOptions, startedAt: UInt64, shared: Permit? = nil
    ) throws(Refusal) {
        try channel.takePermit()
        self.channel = channel
        self.shared = shared
        self.startedAt = startedAt
        run = WorkflowRun(workflow, payload: payload, metadata: metadata, arena: arena, options: options)
    }

    /// Ends the hold on the channel's capacity; further calls do nothing.
    package func returnPermit() {
        guard holdsPermit else { return }
        holdsPermit = false
        channel.returnPermit()
        shared?.giveBack()
    }

    deinit { returnPermit() }
}
