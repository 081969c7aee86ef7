/// The shapes of schedules and occurrences, beside those of ``OpenAPISchemas``.
enum ScheduleSchemas {
    static let members = #"""
        "Schedule":{"type":["object","null"],"description":"When a channel of the protocol cron runs.",\#
        "properties":{"schedule":{"type":"string","maxLength":255,"description":"A cron expression of 5 fields, or of 6\#
         with the second in front."},"timezone":{"type":"string","default":"UTC"},"payload":{"type":"object"},\#
        "misfire_policy":{"type":"string","enum":["skip","latest","catch_up"],"default":"latest"},\#
        "max_catch_up":{"type":"integer","minimum":1,"maximum":1000},"concurrency":{"type":"object",\#
        "properties":{"policy":{"type":"string","enum":["allow","forbid","queue"],"default":"allow"},\#
        "key":{"type":"string","maxLength":128},"slots":{"type":"integer","minimum":1,"maximum":64,"default":1},\#
        "max_queued":{"type":"integer","minimum":1,"maximum":1000,"default":100}}}}},
        "ScheduleInstants":{"type":"object","required":["schedule","timezone","next"],"properties":{"schedule":\#
        {"type":"string"},"timezone":{"type":"string"},"next":{"type":"array","items":{"type":"string",\#
        "format":"date-time"}}}},
        "Occurrence":{"type":"object","required":["id","channel_id","channel","trigger","scheduled_for","status",\#
        "attempt","count","created_at"],"properties":{"id":{"type":"string","format":"uuid"},"channel_id":\#
        {"type":"string"},"channel":{"type":"string"},"trigger":{"type":"string","enum":["cron","manual"]},\#
        "scheduled_for":{"type":"string","format":"date-time"},"status":{"type":"string","enum":["pending","claimed",\#
        "running","completed","failed","skipped_misfire","skipped_singleton","cancelled"]},"trace_id":{"type":["string",\#
        "null"]},"attempt":{"type":"integer"},"count":{"type":"integer"},"first_missed":{"type":["string","null"]},\#
        "error_message":{"type":["string","null"]},"singleton_key":{"type":["string","null"]},"singleton_slot":\#
        {"type":["integer","null"]},"owner":{"type":"string"},"fencing_token":{"type":"integer"},"created_at":\#
        {"type":"string","format":"date-time"},"started_at":{"type":["string","null"]},"completed_at":{"type":["string",\#
        "null"]}}},
        "ScheduleStatus":{"type":"object","required":["channel_id","channel","schedule","timezone","misfire_policy",\#
        "concurrency_policy","slots_held","pending","next"],"properties":{"channel_id":{"type":"string"},"channel":\#
        {"type":"string"},"schedule":{"type":"string"},"timezone":{"type":"string"},"misfire_policy":{"type":"string"},\#
        "concurrency_policy":{"type":"string"},"singleton_key":{"type":["string","null"]},"slots":{"type":["integer",\#
        "null"]},"slots_held":{"type":"integer"},"pending":{"type":"integer"},"next_fire_at":{"type":["string","null"]},\#
        "next":{"type":"array","items":{"type":"string","format":"date-time"}},"last_occurrence":\#
        {"anyOf":[{"$ref":"#/components/schemas/Occurrence"},{"type":"null"}]}}}
        """#
}
