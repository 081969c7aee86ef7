import AdminAPI
import JSONTree
import Vocabulary
import Workflows

/// What an AI client can do with a server, one tool each.
enum AdminTools {
    static let all: [AdminTool] = (definitions + running).sorted { $0.name < $1.name }

    private static let looks = ToolListing.Hints(readOnly: true, idempotent: true)
    private static let kinds = ["workflow", "channel", "connector"]
    private static let limit = FunctionDescription.Field(
        "limit", .integer, "At most this many, 1 to 1000; 50 where it is not given.")
    private static let offset = FunctionDescription.Field("offset", .integer, "Skip so many.")

    private static func kind(_ choices: [String] = kinds) -> FunctionDescription.Field {
        .init("kind", .string, required: true, choices: choices, "Which kind of definition.")
    }
    private static let id = FunctionDescription.Field("id", .string, required: true, "The definition's id.")

    private static let definitions: [AdminTool] = [
        AdminTool(
            "list_definitions", "List definitions",
            "The latest version of every workflow, channel or connector. Secrets are shown as ******.",
            fields: [
                kind(), .init("status", .string, choices: ["draft", "active", "archived"], "Only those."),
                .init("tag", .string, "Only those with this tag."), limit, offset,
            ], hints: looks
        ) { await $0.ask("GET", $0.collection, query: ["status", "tag", "limit", "offset"]) },
        AdminTool(
            "get_definition", "Get a definition", "The latest version of one workflow, channel or connector, whole.",
            fields: [kind(), id], hints: looks
        ) { await $0.ask("GET", $0.collection + "/" + $0.segment("id")) },
        AdminTool(
            "list_functions", "List functions",
            "The functions that a workflow's tasks can call, with their input fields. Ask before you write a workflow.",
            fields: [.init("name", .string, "Only this one.")], hints: looks
        ) { await functions($0) },
        AdminTool(
            "validate_definition", "Validate a definition",
            "Checks a definition without saving it: what is wrong, where, and what would keep it from going live.",
            fields: [kind(), .init("definition", .object, required: true, "The definition.")], hints: looks
        ) { await $0.ask("POST", $0.collection + "/validate", body: $0.json("definition")) },
        AdminTool(
            "save_draft", "Save a draft",
            "Saves a workflow or a channel as a draft: a new one, the content of the draft there is, or a new version beside what is live. Nothing goes live. The definition replaces the draft whole; without an id it gets one.",
            fields: [
                kind(["workflow", "channel"]), .init("definition", .object, required: true, "The definition, whole."),
            ], hints: .init(idempotent: true)
        ) { await saveDraft($0) },
        AdminTool(
            "test_workflow", "Dry-run a workflow",
            "Runs the latest version of a workflow, draft or not, on test data, and tells what each task did. It calls no connector and no channel.",
            fields: [
                id, .init("data", .any, "The payload, as a caller of the channel would send it."),
                .init("metadata", .object, "What the workflow finds under metadata."),
            ], hints: .init(readOnly: true)
        ) { call in
            let names = ["data", "metadata"].filter { call.arguments.member($0) != nil }
            let members = names.map { "\"\($0)\":" + String(decoding: call.json($0), as: UTF8.self) }
            let body = "{" + members.joined(separator: ",") + "}"
            return await call.ask("POST", "/workflows/\(call.segment("id"))/test", body: Array(body.utf8))
        },
        AdminTool(
            "activate", "Activate a draft",
            "Makes the draft of a workflow or channel live for all traffic. Needs a full key; with dry_run it only says whether it could go live, and a draft key is enough.",
            fields: [
                kind(["workflow", "channel"]), id, .init("dry_run", .boolean, "Only say whether it could go live."),
            ], hints: .init(destructive: true, idempotent: true)
        ) {
            await $0.ask(
                "PATCH", $0.collection + "/" + $0.segment("id") + "/status", query: ["dry_run"],
                body: Array(#"{"status":"active"}"#.utf8))
        },
        AdminTool(
            "archive", "Archive what is live",
            "Takes a workflow or channel out of service. Needs a full key.",
            fields: [kind(["workflow", "channel"]), id], hints: .init(destructive: true, idempotent: true)
        ) {
            await $0.ask(
                "PATCH", $0.collection + "/" + $0.segment("id") + "/status",
                body: Array(#"{"status":"archived"}"#.utf8))
        },
    ]

    private static let running: [AdminTool] = [
        AdminTool(
            "list_traces", "List traces", "What ran, newest first, without inputs and results.",
            fields: [
                .init(
                    "status", .string, choices: ["pending", "running", "completed", "failed"], "Only those."),
                .init("channel", .string, "Only of the channel of this name."),
                .init("mode", .string, choices: ["sync", "async"], "Only those."), limit,
                .init("cursor", .string, "The next_cursor of the page before."),
            ], hints: looks
        ) { await $0.ask("GET", "/traces", query: ["status", "channel", "mode", "limit", "cursor"]) },
        AdminTool(
            "get_trace", "Get a trace", "One run: its reply, its error, and what each task did.",
            fields: [.init("id", .string, required: true, "The trace's id.")], hints: looks
        ) { await $0.ask("GET", "/traces/" + $0.segment("id")) },
        AdminTool(
            "list_dead_letters", "List dead letters", "Runs that used up their retries, newest first.",
            fields: [
                .init("channel", .string, "Only of the channel of this name."), limit,
                .init("cursor", .string, "The next_cursor of the page before."),
            ], hints: looks
        ) { await $0.ask("GET", "/trace-dlq", query: ["channel", "limit", "cursor"]) },
        AdminTool(
            "get_dead_letter", "Get a dead letter", "One run that used up its retries, with its input.",
            fields: [.init("id", .string, required: true, "The trace's id.")], hints: looks
        ) { await $0.ask("GET", "/trace-dlq/" + $0.segment("id")) },
        AdminTool(
            "requeue_dead_letter", "Run a dead letter again",
            "Puts one dead letter back into the queue. Needs a full key.",
            fields: [.init("id", .string, required: true, "The trace's id.")], hints: .init(openWorld: true)
        ) { await $0.ask("POST", "/trace-dlq/" + $0.segment("id") + "/requeue") },
        AdminTool(
            "engine_status", "Engine status", "What is served, and which channels cannot be and why.", hints: looks
        ) { await $0.ask("GET", "/engine/status") },
    ]

    private static func functions(_ call: AdminToolCall) async -> AdminResponse {
        let all = await call.ask("GET", "/functions")
        guard let name = call.text("name"), all.status == 200, let json = try? OwnedJSON(parsing: all.body) else {
            return all
        }
        let list = json.value.member("data") ?? .null
        for place in 0..<list.count where list.isArray && list[place].member("name")?.stringValue == name {
            return AdminResponse(
                status: 200, body: Array("{\"data\":[".utf8) + JSONWriter.bytes(list[place]) + Array("]}".utf8))
        }
        return .problem(
            Problem(.notFound, "There is no function `\(name.prefix(64))`."), requestID: call.request.requestID)
    }

    /// Checks, then imports: what the command line's `apply` does, short of activating.
    private static func saveDraft(_ call: AdminToolCall) async -> AdminResponse {
        let body = call.json("definition")
        let verdict = await call.ask("POST", call.collection + "/validate", body: body)
        let judged = try? OwnedJSON(parsing: verdict.body)  // what a handler writes is JSON
        guard verdict.status == 200, judged?.read({ $0.member("data")?.member("valid")?.isTrue }) == true else {
            var refused = verdict
            if refused.status == 200 { refused.status = 400 }
            return refused
        }
        let report = await call.ask(
            "POST", call.collection + "/import", more: "on_conflict=new_version",
            body: Array("[".utf8) + body + Array("]".utf8))
        let outcome = try? OwnedJSON(parsing: report.body)  // the same
        let data = outcome?.value.member("data")
        guard report.status == 200, data?.member("failed")?.intValue == 0,
            let id = data?.member("results").flatMap({ $0.count == 1 ? $0[0] : nil })?.member("id")?.stringValue
        else {
            var refused = report
            if refused.status == 200 { refused.status = 400 }
            return refused
        }
        return await call.ask("GET", call.collection + "/" + PercentEncoding.segment(id))
    }
}
