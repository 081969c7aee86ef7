import Definitions
import JSONTree
import Schedules
import Storage
import Vocabulary

/// How schedules and their occurrences are shown.
enum ScheduleDocument {
    static func write(_ record: OccurrenceRecord, isRunning: Bool, into buffer: inout JSONByteBuffer) {
        func text(_ name: StaticString, _ value: String?, _ buffer: inout JSONByteBuffer) {
            buffer.append(name)
            if let value { JSONWriter.write(value, into: &buffer) } else { buffer.append("null") }
        }
        func number(_ name: StaticString, _ value: Int64?, _ buffer: inout JSONByteBuffer) {
            buffer.append(name)
            if let value { buffer.append(integer: value) } else { buffer.append("null") }
        }
        let status = isRunning && record.status == .claimed ? "running" : record.status.name
        text("{\"id\":", record.id.description, &buffer)
        text(",\"channel_id\":", record.channelID, &buffer)
        text(",\"channel\":", record.channel, &buffer)
        text(",\"trigger\":", record.isManual ? "manual" : "cron", &buffer)
        text(",\"scheduled_for\":", record.scheduledFor.rfc3339, &buffer)
        text(",\"status\":", status, &buffer)
        text(",\"trace_id\":", hasTrace(record) ? record.id.description : nil, &buffer)
        number(",\"attempt\":", Int64(record.attempt), &buffer)
        number(",\"count\":", Int64(record.count), &buffer)
        text(",\"first_missed\":", record.firstMissed?.rfc3339, &buffer)
        text(",\"error_message\":", record.errorMessage.isEmpty ? nil : record.errorMessage, &buffer)
        text(",\"singleton_key\":", record.key.isEmpty ? nil : record.key, &buffer)
        number(",\"singleton_slot\":", record.slot.map(Int64.init), &buffer)
        text(",\"owner\":", record.owner, &buffer)
        number(",\"fencing_token\":", record.epoch, &buffer)
        text(",\"created_at\":", record.createdAt.rfc3339, &buffer)
        text(",\"started_at\":", record.startedAt?.rfc3339, &buffer)
        text(",\"completed_at\":", record.completedAt?.rfc3339, &buffer)
        buffer.append("}")
    }

    /// Its run has its own id. What the gates did not let in, and what waits, has none.
    private static func hasTrace(_ record: OccurrenceRecord) -> Bool {
        switch record.status {
        case .claimed, .completed: true
        case .failed: record.attempt > 0
        case .pending, .skippedMisfire, .skippedSingleton, .cancelled: false
        }
    }

    static func write(
        _ schedule: ScheduleDesk.Overview, isRunning: (Identifier) -> Bool, into buffer: inout JSONByteBuffer
    ) {
        let definition = schedule.schedule
        for (name, value) in [
            ("channel_id", schedule.channelID), ("channel", schedule.channel),
            ("schedule", definition.expression.text), ("timezone", definition.zone.name),
            ("misfire_policy", definition.misfire.rawValue), ("concurrency_policy", definition.overlap.rawValue),
        ] {
            buffer.append(name == "channel_id" ? "{" : ",")
            JSONWriter.write(name, into: &buffer)
            buffer.append(":")
            JSONWriter.write(value, into: &buffer)
        }
        buffer.append(",\"singleton_key\":")
        if schedule.key.isEmpty {
            buffer.append("null,\"slots\":null,\"slots_held\":0")
        } else {
            JSONWriter.write(schedule.key, into: &buffer)
            buffer.append(",\"slots\":")
            buffer.append(integer: Int64(definition.slots))
            buffer.append(",\"slots_held\":")
            buffer.append(integer: Int64(schedule.held))
        }
        buffer.append(",\"pending\":")
        buffer.append(integer: Int64(schedule.waiting))
        buffer.append(",\"next_fire_at\":")
        if let next = schedule.next.first {
            JSONWriter.write(next.rfc3339, into: &buffer)
        } else {
            buffer.append("null")
        }
        buffer.append(",\"next\":")
        write(schedule.next, into: &buffer)
        buffer.append(",\"last_occurrence\":")
        if let last = schedule.last {
            write(last, isRunning: isRunning(last.id), into: &buffer)
        } else {
            buffer.append("null")
        }
        buffer.append("}")
    }

    static func write(_ instants: [Timestamp], into buffer: inout JSONByteBuffer) {
        buffer.append("[")
        for (place, instant) in instants.enumerated() {
            if place > 0 { buffer.append(",") }
            JSONWriter.write(instant.rfc3339, into: &buffer)
        }
        buffer.append("]")
    }
}
