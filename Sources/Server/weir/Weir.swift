import ArgumentParser
import Assembly

/// The program. Exit codes: 0 done, 1 failed, 64 the command line is wrong.
@main
struct Weir: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weir", abstract: "One binary for everything you serve.", version: WeirServer.version,
        subcommands: [Serve.self, Logic.self, Config.self, OpenAPI.self, Version.self])
}
