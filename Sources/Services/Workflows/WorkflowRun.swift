import JSONLogic
package import JSONTree
package import Vocabulary

/// One execution of a workflow: a state machine that runs tasks until it is finished, has used up its slice, or must
/// wait. One thread at a time uses it.
package final class WorkflowRun {
    package enum Advance {
        case finished
        /// The slice is used up; call again, on any thread.
        case yielded
        /// Do this, then ``WorkflowRun/resume(with:)``.
        case waiting(@Sendable () async -> WaitResult)
    }

    enum Phase { case starting, setup, sweep, finished }

    let workflow: CompiledWorkflow
    let options: WorkflowRunOptions
    let context: RunContext
    var recorder: StepRecorder
    var phase = Phase.starting
    /// The next step of the phase's list.
    var next = 0
    var sweep = 0
    var loopElements: JSONValue?
    var iteration: Iteration?
    var nested: Nested?
    /// What is waited for: whoever takes the run over gets it again.
    var pendingWork: (@Sendable () async -> WaitResult)?
    var waitingTask: (task: PlannedTask, startedAt: UInt64)?
    /// A channel call that waits to be let in.
    var waitingCall: WaitingCall?
    /// The span of the task that runs now, where spans are kept.
    var taskSpan: UInt64 = 0
    var arenaMark: Int
    /// Whether at least one task ran.
    package internal(set) var matched = false
    package internal(set) var failure: Problem?
    /// Why the condition that was asked last could not be evaluated.
    private(set) var conditionFault: TaskFailure?

    /// Where a `for_each` task is.
    struct Iteration {
        var elements: JSONValue
        var place: Int
        var collected: JSONArrayBuilder
    }

    struct WaitingCall {
        var task: PlannedTask
        var call: NestedCall
        var output: JSONPath
        var startedAt: UInt64
        var again: @Sendable (NestedCall) -> NestedStart
    }

    /// A channel call that is under way.
    struct Nested {
        var run: WorkflowRun
        var task: PlannedTask
        var output: JSONPath
        var startedAt: UInt64
        var release: @Sendable () -> Void
    }

    /// Bytes a run may leave behind between two sweeps before what is alive is copied together.
    static let compactionBytes = 4 << 20

    package init(
        _ workflow: CompiledWorkflow, payload: JSONValue, metadata: JSONValue, arena: JSONArena,
        options: WorkflowRunOptions
    ) {
        self.workflow = workflow
        self.options = options
        context = RunContext(
            payload: payload, metadata: metadata, arena: arena, workflowID: workflow.id, options: options)
        recorder = StepRecorder(masks: options.masks, attempt: options.attempt, limits: options.recordLimits)
        arenaMark = arena.bytesUsed
    }

    deinit { nested?.release() }

    package var data: JSONValue { context.document.root.member("data") ?? .null }
    package var metadata: JSONValue { context.document.root.member("metadata") ?? .null }
    package var tempData: JSONValue { context.document.root.member("temp_data") ?? .null }
    package var errors: [RunError] { context.errors }

    /// The steps as a JSON array; empty where they are not recorded.
    package func writeSteps(into buffer: inout JSONByteBuffer) { recorder.write(into: &buffer) }

    /// Runs on.
    ///
    /// - Parameter steps: tasks to run at most before giving way.
    package func advance(steps: Int) -> Advance {
        var left = steps
        if let pendingWork { return .waiting(pendingWork) }
        while phase != .finished {
            if nested != nil {
                if let pause = advanceNested(&left) { return pause }
                continue
            }
            if isOverdue {
                timeOut()
                break
            }
            guard left > 0 else { return .yielded }
            left -= 1
            if let work = step() { return .waiting(work) }
        }
        return .finished
    }

    var isOverdue: Bool { options.deadline != 0 && Stopwatch.nanoseconds() > options.deadline }

    func timeOut() {
        finish(
            with: Problem(.timeout, "The workflow's time of \(options.timeoutMilliseconds) ms was exceeded."))
    }

    func finish(with problem: Problem? = nil) {
        if failure == nil { failure = problem }
        phase = .finished
    }

    private func step() -> (@Sendable () async -> WaitResult)? {
        switch phase {
        case .starting: start()
        case .setup:
            guard next < workflow.plan.loop?.setup.count ?? 0 else {
                phase = .sweep
                next = 0
                beginSweep()
                return nil
            }
            return workflow.plan.loop.flatMap { execute($0.setup) }
        case .sweep:
            guard next < workflow.plan.steps.count else {
                endSweep()
                return nil
            }
            return execute(workflow.plan.steps)
        case .finished: break
        }
        return nil
    }

    private func start() {
        guard holds(workflow.plan.condition, of: "the workflow") else {
            finish()
            return
        }
        next = 0
        guard let loop = workflow.plan.loop else {
            phase = .sweep
            return
        }
        phase = .setup
        if let over = loop.over {
            do throws(JSONLogicError) {
                let elements = try context.evaluate(over)
                elements.markShared()
                loopElements = elements.isArray ? elements : JSONArrayBuilder(in: context.arena).finish()
            } catch {
                finish(with: Problem(.engine, "The loop's list failed: \(error.type)"))
            }
        }
    }

    /// Whether a condition holds. One that cannot be evaluated does not hold: what it guards is passed by, and the log
    /// and the trace say why.
    func holds(_ condition: JSONLogicRule?, of what: @autoclosure () -> String) -> Bool {
        conditionFault = nil
        guard let condition else { return true }
        do throws(JSONLogicError) {
            return try context.evaluate(condition).isTruthy
        } catch {
            if error.type == "Timeout" {
                timeOut()
                return false
            }
            let fault = TaskFailure("LOGIC_ERROR", "The condition of \(what()) cannot be evaluated: \(error.type)")
            conditionFault = fault
            context.log?(
                "warn", fault.message, [("workflow_id", workflow.id), ("request_id", options.origin.requestID)])
            return false
        }
    }
}
