import Foundation

/// A program of others that judges what we do; `scripts/bootstrap --test` brings it.
enum Tool {
    /// - Returns: what it printed, and its exit status.
    static func run(
        _ arguments: [String], input: String = "", in folder: URL? = nil
    ) throws -> (output: String, status: Int32) {
        var root = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { root.deleteLastPathComponent() }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        var environment = ProcessInfo.processInfo.environment
        let own = ["usr/bin", "venv/bin"].map { "\(root.path)/.build-tools/\($0)" }
        environment["PATH"] = ([environment["PATH"] ?? ""] + own).joined(separator: ":")
        process.environment = environment
        process.arguments = arguments
        process.currentDirectoryURL = folder
        let (writer, output) = (Pipe(), Pipe())
        process.standardInput = writer
        process.standardOutput = output
        process.standardError = output
        try process.run()
        writer.fileHandleForWriting.write(Data(input.utf8))
        try writer.fileHandleForWriting.close()
        let said = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (String(decoding: said, as: UTF8.self), process.terminationStatus)
    }
}
