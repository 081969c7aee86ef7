import ArgumentParser
import JSONTree
import Remote

/// `weir keys`: who may use the admin API.
struct Keys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make, list and revoke admin keys.",
        discussion:
            "With the first key the admin API of a server that had none is closed to everybody without one: keep what create shows.",
        subcommands: [List.self, Create.self, Revoke.self], defaultSubcommand: List.self)

    private static let path = "/api/v1/admin/keys"

    enum Scope: String, ExpressibleByArgument, CaseIterable {
        case readOnly = "read_only"
        case draft
        case full
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List them; what they open with is kept nowhere.")
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await options.run { () async throws(ServerFailure) in
                let reply = try await options.connection.json("GET", Keys.path)
                let data = reply.value.member("data") ?? .null
                guard options.output == .table else { return Terminal.show(data) }
                Terminal.show(
                    Get.table(
                        data,
                        [
                            ("ID", "id"), ("NAME", "name"), ("SCOPE", "scope"), ("BEGINS", "prefix"),
                            ("FROM", "source"), ("CREATED", "created_at"), ("EXPIRES", "expires_at"),
                            ("USED", "last_used_at"),
                        ]))
            }
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make one. It is shown once and never again.")
        @OptionGroup var options: ServerOptions
        @Argument(help: "Whose key it is, such as deploy-bot.") var name: String
        @Option(help: "read_only looks, draft also tests and saves drafts, full may do everything.") var scope: Scope
        @Option(help: "Not taken after so many days.") var expiresInDays: Int?

        func validate() throws {
            guard (1...3650).contains(expiresInDays ?? 1) else {
                throw ValidationError("--expires-in-days takes 1 to 3650.")
            }
        }

        func run() async throws {
            try await options.run { () async throws(ServerFailure) in
                var body = JSONByteBuffer()
                body.append("{\"name\":")
                JSONWriter.write(name, into: &body)
                body.append(",\"scope\":")
                JSONWriter.write(scope.rawValue, into: &body)
                if let expiresInDays {
                    body.append(",\"expires_in_secs\":")
                    body.append(integer: Int64(expiresInDays) * 86_400)
                }
                body.append("}")
                let reply = try await options.connection.json("POST", Keys.path, body: body.bytes)
                let data = reply.value.member("data") ?? .null
                guard options.output == .table else { return Terminal.show(data) }
                // The key alone on standard output, so that a script can take it from there.
                Terminal.complain(
                    "The \(scope.rawValue) key \(data.member("id")?.stringValue ?? "") is shown this once; keep it:")
                Terminal.show(data.member("key")?.stringValue ?? "")
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Revoke one, at once.")
        @OptionGroup var options: ServerOptions
        @Argument(help: "Its id, as list shows it.") var id: String

        func run() async throws {
            try await options.run { () async throws(ServerFailure) in
                _ = try await options.connection.json("DELETE", Keys.path + "/" + ServerConnection.segment(id))
                Terminal.show(options.output == .table ? "\(TextTable.visible(id)) is revoked." : "{\"revoked\":true}")
            }
        }
    }
}
