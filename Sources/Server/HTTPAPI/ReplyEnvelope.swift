import Channels
import JSONTree
import Vocabulary
import Workflows

/// `{"id":…,"status":"ok","data":{…},"errors":[…]}`: what a synchronous call answers.
enum ReplyEnvelope {
    static func write(
        _ run: WorkflowRun, id: Identifier, requestID: String, into buffer: inout JSONByteBuffer,
        masking masks: MaskedFields? = nil
    ) {
        buffer.append("{\"id\":\"")
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 36) { text in
            guard let start = text.baseAddress else { return }
            id.write(into: start)
            buffer.append(UnsafeRawBufferPointer(start: start, count: 36))
        }
        buffer.append(run.failure == nil ? "\",\"status\":\"ok\",\"data\":" : "\",\"status\":\"error\",\"data\":")
        if let masks {
            masks.write(run.data, into: &buffer)
        } else {
            JSONWriter.write(run.data, into: &buffer)
        }
        buffer.append(",\"errors\":[")
        writeErrors(run.errors, into: &buffer)
        buffer.append("]")
        if !run.errors.isEmpty {
            buffer.append(",\"request_id\":")
            JSONWriter.write(requestID, into: &buffer)
        }
        buffer.append("}")
    }

    static func writeErrors(_ errors: [RunError], into buffer: inout JSONByteBuffer) {
        for (place, error) in errors.enumerated() {
            if place > 0 { buffer.append(",") }
            buffer.append("{\"code\":")
            JSONWriter.write(error.code, into: &buffer)
            buffer.append(",\"message\":")
            JSONWriter.write(error.message, into: &buffer)
            if let task = error.taskID {
                buffer.append(",\"task_id\":")
                JSONWriter.write(task, into: &buffer)
            }
            buffer.append("}")
        }
    }
}
