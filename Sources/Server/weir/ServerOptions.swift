import ArgumentParser
import Foundation
import Remote

/// Which server a command asks, and how it answers: shared by every command that talks to one.
struct ServerOptions: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case table, json
    }

    @Option(help: "The server; WEIR_SERVER_URL, else http://127.0.0.1:8080.") var server: String?
    @Option(help: "An admin key; WEIR_API_KEY.") var key: String?
    @Option(help: "How long to wait for an answer, in seconds.") var timeout = 30
    @Option(name: [.short, .long], help: "table for people, json for programs.") var output = Format.table

    var connection: ServerConnection {
        let environment = ProcessInfo.processInfo.environment
        return ServerConnection(
            url: server ?? environment["WEIR_SERVER_URL"] ?? "http://127.0.0.1:8080",
            key: key ?? environment["WEIR_API_KEY"], timeoutSeconds: max(1, timeout))
    }

    /// Runs a command and turns its failure into a message on standard error and an exit code.
    func run(_ command: () async throws(ServerFailure) -> Void) async throws {
        do throws(ServerFailure) {
            try await command()
        } catch {
            if output == .json, case .refused(_, _, let body) = error, !body.isEmpty {
                Terminal.complain(String(decoding: body, as: UTF8.self))
            } else {
                Terminal.complain("weir: \(error.message)")
            }
            throw ExitCode(error.exitCode)
        }
    }
}
