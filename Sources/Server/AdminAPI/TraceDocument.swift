import JSONTree
import Storage
import Telemetry
import Vocabulary

/// How a trace is shown.
enum TraceDocument {
    static func writeRow(_ record: TraceRecord, isRunning: Bool, into buffer: inout JSONByteBuffer) {
        func text(_ name: StaticString, _ value: String?, _ buffer: inout JSONByteBuffer) {
            buffer.append(name)
            if let value { JSONWriter.write(value, into: &buffer) } else { buffer.append("null") }
        }
        text("{\"id\":", record.id.description, &buffer)
        text(",\"channel\":", record.channel, &buffer)
        text(",\"channel_id\":", record.channelID, &buffer)
        text(",\"mode\":", record.mode.name, &buffer)
        text(
            ",\"status\":", isRunning && record.status == .pending ? TraceStatus.running.name : record.status.name,
            &buffer)
        text(",\"error_message\":", record.errorMessage.isEmpty ? nil : record.errorMessage, &buffer)
        buffer.append(",\"attempt\":")
        buffer.append(integer: Int64(record.attempt))
        buffer.append(record.isDead ? ",\"dead_letter\":true" : ",\"dead_letter\":false")
        buffer.append(",\"duration_ms\":")
        if let start = record.startedAt, let end = record.completedAt {
            JSONWriter.write(Double(end.microseconds - start.microseconds) / 1000, into: &buffer)
        } else {
            buffer.append("null")
        }
        text(",\"started_at\":", record.startedAt?.rfc3339, &buffer)
        text(",\"completed_at\":", record.completedAt?.rfc3339, &buffer)
        text(",\"created_at\":", record.createdAt.rfc3339, &buffer)
        text(",\"updated_at\":", (record.completedAt ?? record.startedAt ?? record.createdAt).rfc3339, &buffer)
        let context = TraceContext(traceparent: record.traceparent) ?? .root(of: record.id)
        text(",\"traceparent\":", context.traceparent, &buffer)
        if record.status == .pending, record.attempt > 0 { text(",\"next_retry_at\":", record.dueAt.rfc3339, &buffer) }
    }

    static func writeDetail(_ record: TraceRecord, isRunning: Bool, into buffer: inout JSONByteBuffer) {
        writeRow(record, isRunning: isRunning, into: &buffer)
        if !record.result.isEmpty {
            buffer.append(",\"message\":")
            buffer.append(record.result)
        }
        if !record.errorMessage.isEmpty {
            buffer.append(",\"error\":")
            JSONWriter.write(record.errorMessage, into: &buffer)
        }
        if !record.steps.isEmpty {
            buffer.append(",\"task_trace\":{\"steps\":")
            buffer.append(record.steps)
            buffer.append("}")
        }
        buffer.append("}")
    }
}
