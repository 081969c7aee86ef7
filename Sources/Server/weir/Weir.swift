import ArgumentParser
import Assembly

/// The program. Its exit codes are in `docs/cli.md`.
@main
struct Weir: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weir", abstract: "One binary for everything you serve.", version: WeirServer.version,
        subcommands: [
            Serve.self, Apply.self, Get.self, Call.self, Traces.self, DeadLetters.self, Schedules.self, Cluster.self,
            Test.self,
            Keys.self, MCP.self, Doctor.self,
            Backup.self,
            Restore.self,
            Migrate.self, Storage.self,
            Logic.self, Config.self,
            OpenAPI.self, Completions.self, Version.self,
        ])
}
