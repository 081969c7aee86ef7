package import JSONTree
package import Telemetry
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
    package var origin: RunOrigin
    /// Which attempt at the same work this is, from 1.
    package var attempt = 1
    package var connectors: any ConnectorCalling = NoConnectors()
    /// A clock that stands and a chance that repeats; nil for the real ones.
    package var rehearsal: Rehearsal?
    package var recordLimits = RecordLimits()
    /// Where the tasks' spans go; nil where they are not kept.
    package var spans: SpanPlace?

    package init(
        deadline: UInt64, timeoutMilliseconds: Int, recordsSteps: Bool, recordsOutputs: Bool, masks: MaskedFields,
        caller: any ChannelCalling, chain: [String], log: RunLogger?, origin: RunOrigin
    ) {
        self.deadline = deadline
        self.timeoutMilliseconds = timeoutMilliseconds
        self.recordsSteps = recordsSteps
        self.recordsOutputs = recordsOutputs
        self.masks = masks
        self.caller = caller
        self.chain = chain
        self.log = log
        self.origin = origin
    }
}

/// Where a run came from: what its log lines and its calls outwards carry on.
package struct RunOrigin: Sendable, Equatable {
    package var requestID: String
    package var traceContext: TraceContext

    /// - Parameter traceparent: the caller's header; where it is missing or malformed a trace of the run's own begins.
    package init(run: Identifier, requestID: String, traceparent: JSONValue?) {
        self.requestID = requestID
        let caller = traceparent?.stringValue.flatMap { TraceContext(traceparent: $0)?.child() }
        traceContext = caller ?? .root(of: run)
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
    /// Do this, then begin once more: with what came of it.
    case later(@Sendable () async -> Void, again: @Sendable (NestedCall) -> NestedStart)
}
