import ArgumentParser
import Configuring
import Foundation

/// The flags that set settings, and where the file is.
struct SettingOptions: ParsableArguments {
    @Option(name: [.short, .long], help: "The configuration file; ./weir.toml where it exists.") var config: String?
    @Option(help: "The address to listen on.") var host: String?
    @Option(help: "The port to listen on; 0 for any free one.") var port: Int?
    @Option(help: "Where everything is kept, such as sqlite:weir.db.") var storageURL: String?
    @Option(help: "auto, json or pretty.") var logFormat: String?
    @Option(help: "A key and its value, such as queue.workers=8.") var set: [String] = []

    /// Or a message on standard error and an exit code.
    func read() throws -> Settings {
        do { return try load() } catch let error as SettingsError {
            Terminal.complain("weir: \(error)")
            throw ExitCode(1)
        }
    }

    /// - Throws: ``SettingsError`` for what the settings say, and a validation error for how they were given.
    func load() throws -> Settings {
        var flags: [(key: String, value: String)] = []
        if let host { flags.append(("server.host", host)) }
        if let port { flags.append(("server.port", String(port))) }
        if let storageURL { flags.append(("storage.url", storageURL)) }
        if let logFormat { flags.append(("logging.format", logFormat)) }
        for pair in set {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { throw ValidationError("--set takes key=value, not `\(pair)`.") }
            flags.append((String(parts[0]), String(parts[1])))
        }
        return try SettingsReader.read(
            file: try file(), environment: ProcessInfo.processInfo.environment, flags: flags)
    }

    /// The configuration file that is read; nil where there is none.
    var configurationFile: String? {
        config ?? (FileManager.default.fileExists(atPath: "weir.toml") ? "weir.toml" : nil)
    }

    private func file() throws(SettingsError) -> (name: String, text: String)? {
        let name = config ?? "weir.toml"
        if let text = try? String(contentsOfFile: name, encoding: .utf8) { return (name, text) }
        guard config != nil else { return nil }
        throw SettingsError(unreadable: name)
    }
}
