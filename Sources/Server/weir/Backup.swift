import ArgumentParser
import Assembly
import JSONTree
import Remote

/// `weir backup`: backs a running server's database up.
struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Back the database of a running server up, where the server keeps its backups.",
        discussion:
            "Connectors' secrets are sealed with storage.connector_encryption_key or the .key file beside the database: keep that too, elsewhere."
    )

    @OptionGroup var options: ServerOptions

    func run() async throws {
        try await options.run { () async throws(ServerFailure) in
            Terminal.progress("backing up")
            let reply = try await options.connection.json("POST", "/api/v1/admin/backups")
            Terminal.endProgress()
            let data = reply.value.member("data") ?? .null
            guard options.output == .table else { return Terminal.show(data) }
            Terminal.show(
                "\(data.member("path")?.stringValue ?? ""), \(data.member("size_bytes")?.intValue ?? 0) bytes, verified."
            )
        }
    }
}

/// `weir restore`: puts a backup in the place of the database.
struct Restore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put a backup in the place of the database. The server must be stopped.")

    @OptionGroup var options: SettingOptions
    @Argument(help: "The backup.") var file: String

    func run() async throws {
        let settings = try options.read()
        do {
            try await WeirServer.restore(file, settings)
            print("\(file) is now \(settings.storageURL). Start the server again.")
        } catch let failure as StartFailure {
            Terminal.complain("weir: \(failure)")
            throw ExitCode(1)
        }
    }
}
