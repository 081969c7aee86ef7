import Channels
import Definitions
import JSONTree
import Storage
import Traces
import Vocabulary

/// The run of an occurrence: what its workflow is given, behind the channel's gates.
enum ScheduledRun {
    /// - Throws: why the channel does not take it; then it has failed without a run.
    static func make(
        _ occurrence: OccurrenceRecord, _ channel: ServedChannel, _ schedule: ScheduleDefinition, at now: Timestamp
    ) throws(Refusal) -> QueuedTrace {
        let arena = JSONArena()
        guard let payload = try? JSONReader.parse(schedule.payload, in: arena) else {
            // It was, when it was saved.
            throw Refusal(Problem(.engine, "The payload of the schedule is not readable."))
        }
        let metadata = metadata(occurrence, channel, schedule, in: arena)
        _ = try channel.check(
            AdmissionInput(
                client: "schedule:" + channel.name, headers: .null, payload: payload, metadata: metadata, arena: arena,
                nanoseconds: Stopwatch.nanoseconds()))
        var input = JSONByteBuffer()
        input.append("{\"payload\":")
        JSONWriter.write(payload, into: &input)
        input.append(",\"metadata\":")
        JSONWriter.write(metadata, into: &input)
        input.append(",\"request_id\":")
        JSONWriter.write(occurrence.id.description, into: &input)
        input.append("}")
        return QueuedTrace(
            id: occurrence.id, channelID: channel.id, channel: channel.name, input: input.bytes,
            attempt: occurrence.attempt, epoch: 1, createdAt: now, mode: .cron)
    }

    /// Which attempt it is and when it began is added when it begins.
    private static func metadata(
        _ occurrence: OccurrenceRecord, _ channel: ServedChannel, _ schedule: ScheduleDefinition, in arena: JSONArena
    ) -> JSONValue {
        var trigger = JSONObjectBuilder(capacity: 8, in: arena)
        trigger.append(key: "type", occurrence.isManual ? .string("manual") : .string("cron"))
        trigger.append(key: "occurrence_id", .string(occurrence.id.description, in: arena))
        trigger.append(key: "scheduled_for", .string(occurrence.scheduledFor.rfc3339, in: arena))
        trigger.append(key: "timezone", .string(schedule.zone.name, in: arena))
        if let slot = occurrence.slot {
            trigger.append(key: "singleton_key", .string(occurrence.key, in: arena))
            trigger.append(key: "singleton_slot", .int(Int64(slot)))
        }
        var members = JSONObjectBuilder(capacity: 2, in: arena)
        members.append(key: "channel", .string(channel.name, in: arena))
        members.append(key: "trigger", trigger.finish())
        return members.finish()
    }
}

extension ServedChannel {
    /// What its runs share slots by; empty where they may overlap.
    func slotKey(_ schedule: ScheduleDefinition) -> String {
        schedule.overlap == .allow ? "" : schedule.key ?? id
    }
}

extension ScheduleDecision {
    init(_ schedule: ScheduleDefinition, grace: Duration, maxCatchUp: Int) {
        self.init(
            misfire: schedule.misfire, maxCatchUp: min(schedule.maxCatchUp, maxCatchUp), overlap: schedule.overlap,
            slots: schedule.slots, maxQueued: schedule.maxQueued, grace: grace)
    }
}
