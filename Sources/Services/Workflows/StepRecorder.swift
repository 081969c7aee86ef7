import JSONTree
import Vocabulary

/// Writes what each task did, as it is done: the steps of a trace.
struct StepRecorder: ~Copyable {
    private var buffer = JSONByteBuffer(capacity: 256)
    private var isEmpty = true
    private let masks: MaskedFields
    private let attempt: Int

    private let limits: RecordLimits

    init(masks: MaskedFields, attempt: Int, limits: RecordLimits) {
        self.limits = limits
        self.masks = masks
        self.attempt = attempt
    }

    mutating func record(
        _ task: PlannedTask, status: StaticString, code: Int, startedAt: UInt64,
        written: [(path: String, value: JSONValue)], failure: TaskFailure?
    ) {
        guard buffer.count < limits.steps else { return }
        if !isEmpty { buffer.append(",") }
        isEmpty = false
        buffer.append("{\"task_id\":")
        JSONWriter.write(task.id, into: &buffer)
        buffer.append(",\"function\":")
        JSONWriter.write(task.functionName, into: &buffer)
        if let connector = task.connector {
            buffer.append(",\"connector\":")
            JSONWriter.write(connector, into: &buffer)
        }
        buffer.append(",\"status\":\"")
        buffer.append(status)
        buffer.append("\",\"status_code\":")
        buffer.append(integer: Int64(code))
        buffer.append(",\"attempt\":")
        buffer.append(integer: Int64(attempt))
        buffer.append(",\"duration_us\":")
        buffer.append(integer: Int64((Stopwatch.nanoseconds() - startedAt) / 1000))
        if !written.isEmpty { writeOutput(written) }
        if let failure {
            buffer.append(",\"error\":{\"code\":")
            JSONWriter.write(failure.code, into: &buffer)
            buffer.append(",\"message\":")
            JSONWriter.write(
                failure.detail.isEmpty ? failure.message : "\(failure.message): \(failure.detail)", into: &buffer)
            buffer.append("}")
        }
        buffer.append("}")
    }

    private mutating func writeOutput(_ written: [(path: String, value: JSONValue)]) {
        var output = JSONByteBuffer(capacity: 256)
        output.append("{")
        for (place, change) in written.enumerated() {
            if place > 0 { output.append(",") }
            JSONWriter.write(change.path, into: &output)
            output.append(":")
            masks.write(change.value, into: &output)
        }
        output.append("}")
        if output.count <= limits.output {
            buffer.append(",\"output\":")
            output.withUnsafeBytes { buffer.append($0) }
        } else {
            buffer.append(",\"output_bytes\":")
            buffer.append(integer: Int64(output.count))
        }
    }

    func write(into other: inout JSONByteBuffer) {
        other.append("[")
        buffer.withUnsafeBytes { other.append($0) }
        other.append("]")
    }
}

/// Bytes of one task's output beyond which it is left out, and of all steps beyond which they end.
package struct RecordLimits: Sendable {
    package var output = 4096
    package var steps = 256 * 1024

    package init() {}
}
