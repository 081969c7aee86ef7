import JSONLogic
import JSONTree
import Telemetry
import Vocabulary

extension WorkflowRun {
    /// Runs the next step of a list.
    func execute(_ steps: [WorkflowPlan.Step]) -> (@Sendable () async -> WaitResult)? {
        switch steps[next] {
        case .enterGroup(let condition, let end): next = holds(condition, of: "a group") ? next + 1 : end
        case .stop: finish()
        case .task(let task): return run(task)
        }
        return nil
    }

    private func run(_ task: PlannedTask) -> (@Sendable () async -> WaitResult)? {
        context.taskID = task.id
        if iteration == nil {
            guard holds(task.condition, of: "task `\(task.id)`") else {
                if phase != .finished {
                    if options.recordsSteps {
                        recorder.record(
                            task, status: "skipped", code: 0, startedAt: Stopwatch.nanoseconds(), written: [],
                            failure: conditionFault)
                    }
                    next += 1
                }
                return nil
            }
            if let forEach = task.forEach, !begin(forEach, task) { return nil }
        }
        if let iteration, let forEach = task.forEach {
            _ = context.document.set(forEach.element, to: iteration.elements[iteration.place])
        }
        matched = true
        let startedAt = options.recordsSteps || options.spans != nil ? Stopwatch.nanoseconds() : 0
        if let spans = options.spans { beginSpan(spans) }
        return settle(task, task.function.run(context), startedAt: startedAt)
    }

    /// - Returns: whether there is an element to run the task for.
    private func begin(_ forEach: PlannedForEach, _ task: PlannedTask) -> Bool {
        do throws(JSONLogicError) {
            let elements = try context.evaluate(forEach.over)
            elements.markShared()
            guard elements.isArray, elements.count > 0 else {
                if let into = forEach.into { _ = context.set(into, to: JSONArrayBuilder(in: context.arena).finish()) }
                next += 1
                return false
            }
            iteration = Iteration(
                elements: elements, place: 0, collected: JSONArrayBuilder(capacity: elements.count, in: context.arena))
            return true
        } catch {
            fail(task, TaskFailure("LOGIC_ERROR", "The list of for_each failed: \(error.type)"), startedAt: 0)
            return false
        }
    }

    /// What follows from how a task ended.
    private func settle(
        _ task: PlannedTask, _ result: TaskResult, startedAt: UInt64
    ) -> (@Sendable () async -> WaitResult)? {
        switch result {
        case .status(let code): done(task, code, startedAt: startedAt)
        case .skip: moveOn(task)
        case .halt:
            record(task, "halted", 299, startedAt, nil)
            finish()
        case .failed(let failure): fail(task, failure, startedAt: startedAt)
        case .call(let call, let output):
            return beginCall(task, call, output, startedAt: startedAt) { self.options.caller.begin($0) }
        case .wait(let work):
            waitingTask = (task, startedAt)
            pendingWork = work
            return work
        }
        return nil
    }

    private func record(
        _ task: PlannedTask, _ status: StaticString, _ code: Int, _ startedAt: UInt64, _ failure: TaskFailure?
    ) {
        if let spans = options.spans { endSpan(task, spans, status, startedAt, failure) }
        guard options.recordsSteps else { return }
        recorder.record(
            task, status: status, code: code, startedAt: startedAt, written: context.written, failure: failure)
        context.written.removeAll(keepingCapacity: true)
    }

    private func done(_ task: PlannedTask, _ code: Int, startedAt: UInt64) {
        if code >= 500 {
            fail(task, TaskFailure("TASK_ERROR", "The task ended with status \(code)."), startedAt: startedAt)
            return
        }
        record(task, code < 400 ? "executed" : "failed", code, startedAt, nil)
        if code >= 400, task.haltsOnFailure {
            let messages = context.errors.filter { $0.taskID == task.id }.map(\.message)
            finish(
                with: Problem(
                    .validation, messages.first ?? "Task `\(task.id)` did not succeed.",
                    details: messages.map { .init("data", .invalid, $0) }))
            return
        }
        moveOn(task)
    }

    /// The next element of `for_each`, or the next step.
    private func moveOn(_ task: PlannedTask) {
        if var current = iteration, let forEach = task.forEach {
            if let collect = forEach.collect {
                do throws(JSONLogicError) {
                    let value = try context.evaluate(collect)
                    value.markShared()
                    current.collected.append(value)
                } catch {
                    iteration = nil
                    fail(
                        task, TaskFailure("LOGIC_ERROR", "The collect of for_each failed: \(error.type)"), startedAt: 0)
                    return
                }
            }
            current.place += 1
            iteration = current
            guard current.place >= current.elements.count else { return }
            iteration = nil
            if let into = forEach.into { _ = context.set(into, to: current.collected.finish()) }
        }
        if task.isTerminal { finish() } else { next += 1 }
    }

    private func fail(_ task: PlannedTask, _ failure: TaskFailure, startedAt: UInt64) {
        record(task, "failed", 500, startedAt, failure)
        if failure.code == "TIMEOUT_ERROR" || isOverdue {
            timeOut()
            return
        }
        context.errors.append(RunError(code: failure.code, message: failure.message, taskID: task.id))
        guard task.continuesOnError, !task.haltsOnFailure else {
            finish(
                with: Problem(
                    failure.problem ?? .engine, "Task `\(task.id)` failed: \(failure.message)",
                    details: [.init("tasks.\(task.id)", .invalid, failure.message)]))
            return
        }
        iteration = nil
        if task.isTerminal { finish() } else { next += 1 }
    }

    /// - Returns: what has to be waited for before it begins.
    private func beginCall(
        _ task: PlannedTask, _ call: NestedCall, _ output: JSONPath, startedAt: UInt64,
        _ begin: (NestedCall) -> NestedStart
    ) -> (@Sendable () async -> WaitResult)? {
        switch begin(call) {
        case .later(let work, let again):
            waitingCall = WaitingCall(task: task, call: call, output: output, startedAt: startedAt, again: again)
            let wait: @Sendable () async -> WaitResult = {
                await work()
                return .done
            }
            pendingWork = wait
            return wait
        case .refused(let problem):
            fail(task, TaskFailure(Self.callCode(problem.code), problem.message), startedAt: startedAt)
        case .run(let workflow, var options, let release):
            options.rehearsal = self.options.rehearsal
            options.spans = self.options.spans.map { SpanPlace(log: $0.log, parent: taskSpan) }
            nested = Nested(
                run: WorkflowRun(
                    workflow, payload: call.payload, metadata: call.metadata, arena: context.arena, options: options),
                task: task, output: output, startedAt: startedAt, release: release)
        }
        return nil
    }

    private static func callCode(_ code: Problem.Code) -> String {
        switch code {
        case .rateLimited: "channel_rate_limited"
        case .forbidden: "channel_forbidden"
        case .conflict: "channel_conflict"
        case .unavailable: "channel_unavailable"
        case .validation: "VALIDATION_ERROR"
        default: "FUNCTION_ERROR"
        }
    }

    /// Runs the called workflow on; takes its result when it is finished.
    func advanceNested(_ left: inout Int) -> Advance? {
        guard let call = nested else { return nil }
        guard left > 0 else { return .yielded }
        switch call.run.advance(steps: left) {
        case .yielded:
            left = 0
            return .yielded
        case .waiting(let work): return .waiting(work)
        case .finished: break
        }
        left -= 1
        nested = nil
        call.release()
        // The nested run shares the arena, or has moved to one of its own.
        let result =
            call.run.context.arena === context.arena ? call.run.data : call.run.data.copied(into: context.arena)
        if let failure = call.run.failure {
            let code = failure.code == .timeout ? "TIMEOUT_ERROR_CALL" : "FUNCTION_ERROR"
            fail(call.task, TaskFailure(code, failure.message), startedAt: call.startedAt)
        } else if context.set(call.output, to: result) {
            done(call.task, 200, startedAt: call.startedAt)
        } else {
            fail(call.task, TaskFailure("FUNCTION_ERROR", "The output cannot be written."), startedAt: call.startedAt)
        }
        return nil
    }

    /// Goes on after ``WorkflowRun/Advance/waiting(_:)``; then call ``advance(steps:)`` again.
    package func resume(with result: WaitResult) {
        if let nested {
            nested.run.resume(with: result)
            return
        }
        pendingWork = nil
        if let waiting = waitingCall {
            waitingCall = nil
            // What it has to wait for next, advancing finds as pending work.
            _ = beginCall(waiting.task, waiting.call, waiting.output, startedAt: waiting.startedAt, waiting.again)
            return
        }
        guard let waiting = waitingTask else { return }
        waitingTask = nil
        switch result {
        case .done: done(waiting.task, 200, startedAt: waiting.startedAt)
        case .failed(let failure): fail(waiting.task, failure, startedAt: waiting.startedAt)
        case .value(let owned, let output):
            if context.set(output, to: owned.value.copied(into: context.arena)) {
                done(waiting.task, 200, startedAt: waiting.startedAt)
            } else {
                fail(
                    waiting.task, TaskFailure("FUNCTION_ERROR", "The output cannot be written."),
                    startedAt: waiting.startedAt)
            }
        }
    }
}
