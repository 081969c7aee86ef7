package import Definitions
import JSONTree
package import Telemetry
import Vocabulary
package import Workflows

/// What every run of this instance has in common.
package struct RunSettings: Sendable {
    package var syncTimeoutMilliseconds: Int
    package var asyncTimeoutMilliseconds: Int
    package var callTimeoutMilliseconds: Int
    package var maxLoopIterations: Int
    package var maxCallDepth: Int
    package var maskedFields: MaskedFields
    package var log: RunLogger?
    /// Where runs' spans begin; nil where none are exported.
    package var spans: SpanSource?

    package init(
        syncTimeoutMilliseconds: Int, asyncTimeoutMilliseconds: Int, callTimeoutMilliseconds: Int,
        maxLoopIterations: Int, maxCallDepth: Int, maskedFields: MaskedFields, log: RunLogger?
    ) {
        self.syncTimeoutMilliseconds = syncTimeoutMilliseconds
        self.asyncTimeoutMilliseconds = asyncTimeoutMilliseconds
        self.callTimeoutMilliseconds = callTimeoutMilliseconds
        self.maxLoopIterations = maxLoopIterations
        self.maxCallDepth = maxCallDepth
        self.maskedFields = maskedFields
        self.log = log
    }
}

extension RunSettings {
    /// The options of one run.
    package func options(
        startedAt: UInt64, timeoutMilliseconds: Int, tracing: ChannelConfig.Tracing, caller: ChannelCaller,
        chain: [String], origin: RunOrigin
    ) -> WorkflowRunOptions {
        let isRecorded = tracing.mode != .off
        return WorkflowRunOptions(
            deadline: startedAt + UInt64(timeoutMilliseconds) * 1_000_000, timeoutMilliseconds: timeoutMilliseconds,
            recordsSteps: isRecorded, recordsOutputs: tracing.taskDetails,
            masks: tracing.maskFields.isEmpty ? maskedFields : maskedFields.adding(tracing.maskFields), caller: caller,
            chain: chain, log: log, origin: origin)
    }
}
