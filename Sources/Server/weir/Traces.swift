import ArgumentParser
import JSONTree
import Remote

/// `weir traces`: what ran.
struct Traces: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List what ran, follow it, or show one trace with its tasks.")

    @OptionGroup var options: ServerOptions
    @Argument(help: "Show this trace with its tasks.") var id: String?
    @Option(help: "pending, running, completed or failed.") var status: String?
    @Option(help: "Only of this channel.") var channel: String?
    @Option(help: "sync, async or cron.") var mode: String?
    @Option(help: "At most this many.") var limit = 20
    @Flag(help: "Say why this trace waits, was tried again or failed.") var explain = false
    @Flag(help: "Go on and show new traces as they come, until interrupted.") var follow = false

    private static let columns = [
        ("ID", "id"), ("CHANNEL", "channel"), ("MODE", "mode"), ("STATUS", "status"), ("MS", "duration_ms"),
        ("CREATED", "created_at"), ("ERROR", "error_message"),
    ]

    func validate() throws {
        if explain, id == nil { throw ValidationError("--explain needs the trace's id.") }
    }

    func run() async throws {
        try await options.run { () async throws(ServerFailure) in
            if let id { return explain ? try await tell(id) : try await show(id) }
            let reply = try await list(limit)
            let data = reply.value.member("data") ?? .null
            guard follow else {
                if options.output == .json { Terminal.show(data) } else { Terminal.show(Get.table(data, Self.columns)) }
                return
            }
            try await watch(from: data)
        }
    }

    private func list(_ count: Int) async throws(ServerFailure) -> OwnedJSON {
        let query = ServerConnection.query([
            ("limit", String(count)), ("status", status), ("channel", channel), ("mode", mode),
        ])
        return try await options.connection.json("GET", "/api/v1/admin/traces" + query)
    }

    private func show(_ id: String) async throws(ServerFailure) {
        let reply = try await options.connection.json("GET", "/api/v1/admin/traces/\(ServerConnection.segment(id))")
        let data = reply.value.member("data") ?? .null
        guard options.output == .table else { return Terminal.show(data) }
        for (heading, member) in Self.columns { Terminal.show("\(heading.padding(to: 8))  \(Self.cell(data, member))") }
        Terminal.show("")
        let steps = data.member("task_trace")?.member("steps") ?? .null
        guard steps.isArray, steps.count > 0 else { return Terminal.show("No tasks are recorded.") }
        Terminal.show(
            Get.table(
                steps,
                [
                    ("TASK", "task_id"), ("FUNCTION", "function"), ("STATUS", "status"), ("US", "duration_us"),
                    ("CODE", "status_code"), ("OUTPUT", "output"), ("ERROR", "error"),
                ]))
    }

    private func tell(_ id: String) async throws(ServerFailure) {
        let reply = try await options.connection.json(
            "GET", "/api/v1/admin/traces/\(ServerConnection.segment(id))/explain")
        let data = reply.value.member("data") ?? .null
        guard options.output == .table else { return Terminal.show(data) }
        Terminal.show(TextTable.visible(data.member("summary")?.stringValue ?? ""))
        for (heading, member) in [("Because", "reasons"), ("To do", "next_steps")] {
            guard let lines = data.member(member), lines.isArray, lines.count > 0 else { continue }
            Terminal.show("\n\(heading)")
            for place in 0..<lines.count { Terminal.show("  " + TextTable.visible(lines[place].stringValue ?? "")) }
        }
    }

    private static func cell(_ trace: JSONValue, _ member: String) -> String {
        TextTable.visible(Get.cell(trace.member(member) ?? .null))
    }

    /// New traces and changes of those shown, oldest first. A line each, so that it can be piped on.
    private func watch(from first: JSONValue) async throws(ServerFailure) {
        var known: [String: String] = [:]
        var order: [String] = []
        func news(_ data: JSONValue) {
            guard data.isArray else { return }
            for place in stride(from: data.count - 1, through: 0, by: -1) {
                let trace = data[place]
                guard let id = trace.member("id")?.stringValue, let status = trace.member("status")?.stringValue,
                    known[id] != status
                else { continue }
                if known.updateValue(status, forKey: id) == nil { order.append(id) }
                Terminal.show(
                    options.output == .json
                        ? JSONWriter.string(trace)
                        : Self.columns.map { Self.cell(trace, $0.1) }.joined(separator: "  "))
            }
            // Twice the page is enough to know what a later page repeats.
            while order.count > 2000 { known[order.removeFirst()] = nil }
        }
        news(first)
        while !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(500))  // cancelled: the loop ends by its condition
            let page = try await list(1000)
            news(page.value.member("data") ?? .null)
        }
    }
}
