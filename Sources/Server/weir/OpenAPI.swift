import ArgumentParser
import Assembly

/// `weir openapi`.
struct OpenAPI: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "openapi", abstract: "Print the OpenAPI document of the API.")

    func run() { print(String(decoding: WeirServer.openAPI, as: UTF8.self)) }
}
