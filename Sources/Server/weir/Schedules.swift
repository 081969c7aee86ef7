import ArgumentParser
import JSONTree
import Remote

/// `weir schedules`: what runs by itself.
struct Schedules: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List schedules, see what became of them, and start a run by hand.",
        subcommands: [List.self, Occurrences.self, Next.self, Trigger.self, Retry.self, Cancel.self],
        defaultSubcommand: List.self)

    private static let path = "/api/v1/admin/cron"

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The live schedules and when they run next.")
        @OptionGroup var options: ServerOptions
        @Option(help: "At most this many.") var limit = 100

        func run() async throws {
            try await options.run { () async throws(ServerFailure) in
                let reply = try await options.connection.json("GET", "\(Schedules.path)/status?limit=\(limit)")
                let data = reply.value.member("data") ?? .null
                guard options.output == .table else { return Terminal.show(data) }
                Terminal.show(
                    Get.table(
                        data,
                        [
                            ("CHANNEL", "channel"), ("SCHEDULE", "schedule"), ("ZONE", "timezone"),
                            ("NEXT", "next_fire_at"), ("MISFIRE", "misfire_policy"), ("OVERLAP", "concurrency_policy"),
                            ("PENDING", "pending"),
                        ]))
            }
        }
    }

    struct Occurrences: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "What became of what was due, latest first.")
        @OptionGroup var options: ServerOptions
        @Option(help: "Only of the channel with this id.") var channelID: String?
        @Option(help: "pending, claimed, completed, failed, skipped_misfire, skipped_singleton or cancelled.")
        var status: String?
        @Option(help: "At most this many.") var limit = 20

        func run() async throws {
            try await options.run { () async throws(ServerFailure) in
                let query = ServerConnection.query([
                    ("limit", String(limit)), ("channel_id", channelID), ("status", status),
                ])
                let reply = try await options.connection.json("GET", "\(Schedules.path)/occurrences\(query)")
                let data = reply.value.member("data") ?? .null
                guard options.output == .table else { return Terminal.show(data) }
                Terminal.show(Get.table(data, Schedules.columns))
            }
        }
    }

    struct Next: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "When a cron expression is met next.")
        @OptionGroup var options: ServerOptions
        @Argument(help: "5 fields, or 6 with the second in front.") var schedule: String
        @Option(help: "An IANA name such as Europe/Berlin.") var timezone = "UTC"
        @Option(help: "How many instants.") var count = 5

        func run() async throws {
            try await options.run { () async throws(ServerFailure) in
                let query = ServerConnection.query([
                    ("schedule", schedule), ("timezone", timezone), ("count", String(count)),
                ])
                let reply = try await options.connection.json("GET", "\(Schedules.path)/next\(query)")
                let data = reply.value.member("data") ?? .null
                guard options.output == .table else { return Terminal.show(data) }
                let instants = data.member("next") ?? .null
                guard instants.count > 0 else { throw .input("`\(schedule)` is not met once in the next 5 years.") }
                for place in 0..<instants.count { Terminal.show(instants[place].stringValue ?? "") }
            }
        }
    }

    struct Trigger: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Run the channel of a schedule now.")
        @OptionGroup var options: ServerOptions
        @Argument(help: "The channel's id.") var channel: String

        func run() async throws {
            try await options.run { () async throws(ServerFailure) in
                try await Schedules.post(
                    options, "/api/v1/admin/channels/\(ServerConnection.segment(channel))/trigger")
            }
        }
    }

    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Another attempt at an occurrence that failed, was skipped or cancelled.")
        @OptionGroup var options: ServerOptions
        @Argument var id: String

        func run() async throws {
            try await options.run { () async throws(ServerFailure) in
                try await Schedules.post(
                    options, "\(Schedules.path)/occurrences/\(ServerConnection.segment(id))/retry")
            }
        }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take back an occurrence that waits.")
        @OptionGroup var options: ServerOptions
        @Argument var id: String

        func run() async throws {
            try await options.run { () async throws(ServerFailure) in
                try await Schedules.post(
                    options, "\(Schedules.path)/occurrences/\(ServerConnection.segment(id))/cancel")
            }
        }
    }

    private static let columns = [
        ("ID", "id"), ("CHANNEL", "channel"), ("SCHEDULED", "scheduled_for"), ("STATUS", "status"),
        ("ATTEMPT", "attempt"), ("ERROR", "error_message"),
    ]

    private static func post(_ options: ServerOptions, _ path: String) async throws(ServerFailure) {
        let reply = try await options.connection.json("POST", path)
        let data = reply.value.member("data") ?? .null
        guard options.output == .table else { return Terminal.show(data) }
        for (heading, member) in columns {
            Terminal.show("\(heading.padding(to: 9))  \(Get.cell(data.member(member) ?? .null))")
        }
    }
}
