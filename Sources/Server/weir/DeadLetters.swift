import ArgumentParser
import JSONTree
import Remote

/// `weir dead-letters`: runs that used up their retries.
struct DeadLetters: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead-letters", abstract: "List, inspect, requeue and purge dead letters.",
        subcommands: [List.self, Show.self, Requeue.self, Purge.self], defaultSubcommand: List.self)

    private static let path = "/api/v1/admin/trace-dlq"

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List them, newest first.")
        @OptionGroup var options: ServerOptions
        @Option(help: "Only of this channel.") var channel: String?
        @Option(help: "At most this many.") var limit = 50

        func run() async throws {
            try await options.run { () async throws(ServerFailure) in
                let query = ServerConnection.query([("limit", String(limit)), ("channel", channel)])
                let reply = try await options.connection.json("GET", DeadLetters.path + query)
                let data = reply.value.member("data") ?? .null
                guard options.output == .table else { return Terminal.show(data) }
                Terminal.show(
                    Get.table(
                        data,
                        [
                            ("ID", "id"), ("CHANNEL", "channel"), ("ATTEMPTS", "attempt"), ("CREATED", "created_at"),
                            ("ERROR", "error_message"),
                        ]))
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one with its input and its tasks.")
        @OptionGroup var options: ServerOptions
        @Argument var id: String

        func run() async throws {
            try await options.run { () async throws(ServerFailure) in
                let reply = try await options.connection.json(
                    "GET", "\(DeadLetters.path)/\(ServerConnection.segment(id))")
                Terminal.show(reply.value.member("data") ?? .null)
            }
        }
    }

    struct Requeue: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Run one again, or all of a channel, or all.")
        @OptionGroup var options: ServerOptions
        @Argument var id: String?
        @Option(help: "All of this channel.") var channel: String?
        @Flag(help: "All.") var all = false

        func validate() throws {
            guard [id != nil, channel != nil, all].count(where: { $0 }) == 1 else {
                throw ValidationError("Give one of an id, --channel or --all.")
            }
        }

        func run() async throws {
            try await options.run { () async throws(ServerFailure) in
                if let id {
                    try await DeadLetters.post(
                        options, "/\(ServerConnection.segment(id))/requeue", Array("{}".utf8), "requeued")
                } else {
                    var body = JSONByteBuffer()
                    body.append("{")
                    if let channel {
                        body.append("\"channel\":")
                        JSONWriter.write(channel, into: &body)
                    }
                    body.append("}")
                    try await DeadLetters.post(options, "/requeue", body.bytes, "requeued")
                }
            }
        }
    }

    struct Purge: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete old ones for good.")
        @OptionGroup var options: ServerOptions
        @Option(help: "Only those older than this; 0 for all.") var olderThanHours: Int

        func run() async throws {
            try await options.run { () async throws(ServerFailure) in
                let body = Array("{\"older_than_hours\":\(olderThanHours)}".utf8)
                try await DeadLetters.post(options, "/purge", body, "purged")
            }
        }
    }

    private static func post(
        _ options: ServerOptions, _ path: String, _ body: [UInt8], _ name: String
    ) async throws(ServerFailure) {
        let reply = try await options.connection.json("POST", self.path + path, body: body)
        let data = reply.value.member("data") ?? .null
        guard options.output == .table else { return Terminal.show(data) }
        Terminal.show("\(data.member(name)?.intValue ?? 0) \(name).")
    }
}
