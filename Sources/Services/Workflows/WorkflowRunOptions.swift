import JSONTree
package import Vocabulary

/// What a run is given besides its message.
package struct WorkflowRunOptions {
    /// ``Stopwatch`` nanoseconds after which the run fails with `TIMEOUT`; 0 for never.
    package var deadline: UInt64
    package var timeoutMilliseconds: Int
    package var recordsSteps: Bool
    package var recordsOutputs: Bool
    package var masks: MaskedFields
    package var caller: any ChannelCalling
    /// Names of the channels this run came through, its own included.
    package var chain: [String]
    package var log: RunLogger?

    package init(
        deadline: UInt64, timeoutMilliseconds: Int, recordsSteps: Bool, recordsOutputs: Bool, masks: MaskedFields,
        caller: any ChannelCalling, chain: [String], log: RunLogger?
    ) {
        self.deadline = deadline
        self.timeoutMilliseconds = timeoutMilliseconds
        self.recordsSteps = recordsSteps
        self.recordsOutputs = recordsOutputs
        self.masks = masks
        self.caller = caller
        self.chain = chain
        self.log = log
    }
}

/// Where `channel_call` finds other channels.
package protocol ChannelCalling: Sendable {
    /// Passes the target's gates and takes its permit.
    func begin(_ call: NestedCall) -> NestedStart
}

package enum NestedStart {
    /// `release` gives the permit back; it is called exactly once.
    case run(CompiledWorkflow, WorkflowRunOptions, release: @Sendable () -> Void)
    case refused(Problem)
}
