import ArgumentParser
import Assembly

/// `weir version`.
struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print the version.")

    func run() { print("weir \(WeirServer.version)") }
}
