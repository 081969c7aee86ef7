import ArgumentParser
import Assembly
import Configuring
import Glibc
import Logging
import Telemetry

/// `weir serve`: starts the server.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Start the server.")

    @OptionGroup var options: SettingOptions
    @Option(help: "Apply the definitions in this file or folder before serving.") var apply: String?

    func run() async throws {
        let settings = try options.read()
        let isTerminal = isatty(STDERR_FILENO) == 1
        let isPretty = settings.logFormat == "pretty" || settings.logFormat == "auto" && isTerminal
        let level = Logger.Level(rawValue: settings.logLevel) ?? .info
        LoggingSystem.bootstrap { label -> any LogHandler in
            isPretty ? HumanLogHandler(label: label) : JSONLogHandler(label: label)
        }
        var logger = Logger(label: "weir")
        logger.logLevel = level
        let readyLogger = logger
        let definitions = try apply.map(DefinitionFiles.read) ?? []
        do {
            try await WeirServer.run(settings, definitions: definitions, logger: readyLogger, prettyLogs: isPretty) {
                url in
                print("weir \(WeirServer.version) is ready on \(url)")
                fflush(nil)
            }
        } catch let failure as StartFailure {
            logger.critical("cannot start", metadata: ["reason": "\(failure)"])
            throw ExitCode(1)
        }
    }
}
