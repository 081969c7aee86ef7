import JSONTree
import Storage
import Traces
import Vocabulary

/// `GET …/traces/{id}/explain`: why a trace waits, was tried again or failed.
enum ExplainHandler {
    static let routes: [AdminRoute] = [
        .init(
            "GET", "/api/v1/admin/traces/{id}/explain", tag: "traces", "Why a trace waits, was tried again or failed",
            answer: .one("Explanation")
        ) { try await explain($0, $1) }
    ]

    private static func explain(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        guard let id = Identifier(call.parameters[0]), let record = try await api.store.trace(id) else {
            throw Problem(.notFound, "There is no trace `\(call.parameters[0].prefix(64))`.")
        }
        let queue = api.control.queueFacts
        let facts = TraceExplanation.Facts(
            now: api.clock.now(), isRunning: api.control.isRunning(id),
            isChannelServed: api.control.status().channels.contains(record.channel), queue: queue,
            failedTask: failedTask(record, api))
        let explanation = TraceExplanation(record, facts)
        return .data(headers: [("cache-control", "no-store")]) { write(explanation, record, queue, into: &$0) }
    }

    /// The last task that failed, as the steps tell.
    private static func failedTask(_ record: TraceRecord, _ api: AdminAPI) -> TraceExplanation.FailedTask? {
        guard let json = try? OwnedJSON(parsing: record.steps) else { return nil }  // none are stored
        let steps = json.value
        return withExtendedLifetime(json) {
            for place in stride(from: steps.count - 1, through: 0, by: -1) where steps.isArray {
                let step = steps[place]
                guard step.member("status")?.stringValue == "failed" else { continue }
                let connector = step.member("connector")?.stringValue
                let error = step.member("error")
                return TraceExplanation.FailedTask(
                    task: step.member("task_id")?.stringValue ?? "",
                    function: step.member("function")?.stringValue ?? "", connector: connector,
                    code: error?.member("code")?.stringValue ?? "STATUS_\(step.member("status_code")?.intValue ?? 0)",
                    message: error?.member("message")?.stringValue ?? record.errorMessage,
                    breaker: connector.flatMap { breaker($0, of: record.channel, api) })
            }
            return nil
        }
    }

    private static func breaker(_ connector: String, of channel: String, _ api: AdminAPI) -> String? {
        guard api.control.usesBreakers else { return nil }
        let breakers = api.control.connectors.breakers(at: Stopwatch.nanoseconds())
        return breakers.first { $0.key == "\(channel):\(connector)" }?.state.rawValue
    }

    private static func write(
        _ explanation: TraceExplanation, _ record: TraceRecord, _ queue: QueueFacts, into buffer: inout JSONByteBuffer
    ) {
        func text(_ name: StaticString, _ value: String, _ buffer: inout JSONByteBuffer) {
            buffer.append(name)
            JSONWriter.write(value, into: &buffer)
        }
        func list(_ name: StaticString, _ values: [String], _ buffer: inout JSONByteBuffer) {
            buffer.append(name)
            for (place, value) in values.enumerated() {
                if place > 0 { buffer.append(",") }
                JSONWriter.write(value, into: &buffer)
            }
            buffer.append("]")
        }
        func number(_ name: StaticString, _ value: Int, _ buffer: inout JSONByteBuffer) {
            buffer.append(name)
            buffer.append(integer: Int64(value))
        }
        text("{\"trace_id\":", record.id.description, &buffer)
        text(",\"channel\":", record.channel, &buffer)
        text(",\"mode\":", record.mode.name, &buffer)
        let isRunning = explanation.state == .running
        text(",\"status\":", isRunning ? TraceStatus.running.name : record.status.name, &buffer)
        text(",\"state\":", explanation.state.rawValue, &buffer)
        text(",\"summary\":", explanation.summary, &buffer)
        list(",\"reasons\":[", explanation.reasons, &buffer)
        list(",\"next_steps\":[", explanation.nextSteps, &buffer)
        number(",\"attempts\":", explanation.attempts, &buffer)
        number(",\"max_attempts\":", explanation.maxAttempts, &buffer)
        if let time = explanation.nextAttemptAt { text(",\"next_attempt_at\":", time.rfc3339, &buffer) }
        if let failed = explanation.failedTask {
            text(",\"failed_task\":{\"task_id\":", failed.task, &buffer)
            text(",\"function\":", failed.function, &buffer)
            if let connector = failed.connector { text(",\"connector\":", connector, &buffer) }
            text(",\"code\":", failed.code, &buffer)
            text(",\"message\":", failed.message, &buffer)
            if let breaker = failed.breaker { text(",\"circuit\":", breaker, &buffer) }
            buffer.append("}")
        }
        if record.status == .pending || record.status == .running {
            text(",\"held_by\":{\"instance\":", record.owner, &buffer)
            number(",\"epoch\":", Int(record.epoch), &buffer)
            buffer.append(
                record.owner == queue.instance ? ",\"is_this_instance\":true}" : ",\"is_this_instance\":false}")
            number(",\"queue\":{\"waiting\":", queue.waiting, &buffer)
            number(",\"capacity\":", queue.capacity, &buffer)
            number(",\"workers\":", queue.workers, &buffer)
            number(",\"workers_active\":", queue.activeWorkers, &buffer)
            buffer.append("}")
        }
        buffer.append("}")
    }
}
