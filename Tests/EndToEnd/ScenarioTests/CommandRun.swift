import Foundation

/// A command of the real binary that has ended.
struct CommandRun: CustomStringConvertible {
    var code: Int32
    var output: String
    var errors: String

    var json: Any? { try? JSONSerialization.jsonObject(with: Data(output.utf8), options: [.fragmentsAllowed]) }
    var object: [String: Any] { json as? [String: Any] ?? [:] }
    var description: String { "exit \(code)\n\(output)\n\(errors)" }
}

/// A command that goes on until it is stopped.
final class RunningCommand {
    private let process: Process
    private let output: Pipe
    private let input: Pipe?
    private var text = ""

    fileprivate init(_ process: Process, _ output: Pipe, _ input: Pipe?) {
        self.process = process
        self.output = output
        self.input = input
    }

    /// Writes to its input, which stays open.
    func write(_ line: String) throws { try input?.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8)) }

    /// Ends its input and waits for its end.
    func finish() throws -> Int32 {
        try input?.fileHandleForWriting.close()
        process.waitUntilExit()
        return process.terminationStatus
    }

    deinit { stop() }

    /// The next line of its output; empty when it has ended.
    func readLine() -> String {
        while true {
            if let end = text.firstIndex(of: "\n") {
                defer { text.removeSubrange(...end) }
                return String(text[..<end])
            }
            let data = output.fileHandleForReading.availableData
            guard !data.isEmpty else { return "" }
            text += String(decoding: data, as: UTF8.self)
        }
    }

    func stop() {
        guard process.isRunning else { return }
        process.terminate()
        process.waitUntilExit()
    }
}

extension RunningWeir {
    private var address: [String: String] { ["WEIR_SERVER_URL": "http://127.0.0.1:\(port)"] }

    func command(_ arguments: [String], environment: [String: String] = [:]) throws -> CommandRun {
        try Self.command(arguments, environment: address.merging(environment) { $1 })
    }

    /// A line of a shell, as somebody would type it.
    func shell(_ line: String) throws -> CommandRun {
        try Self.command(["-c", line], environment: address, program: URL(fileURLWithPath: "/bin/sh"))
    }

    /// - Parameter takesInput: whether its input is written by the test; else it is the test's own.
    func start(command arguments: [String], takesInput: Bool = false) throws -> RunningCommand {
        let process = Self.process(arguments, environment: address)
        let output = Pipe()
        process.standardOutput = output
        let input = takesInput ? Pipe() : nil
        if let input { process.standardInput = input }
        try process.run()
        return RunningCommand(process, output, input)
    }

    static func command(
        _ arguments: [String], environment: [String: String] = [:], input: String = "", program: URL? = nil
    ) throws -> CommandRun {
        let process = process(arguments, environment: environment)
        if let program { process.executableURL = program }
        // Files, not pipes: output of any size fits without somebody reading along.
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-cli-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let files = try ["in", "out", "err"].map { name in
            let file = folder.appendingPathComponent(name)
            try Data((name == "in" ? input : "").utf8).write(to: file)
            return file
        }
        process.standardInput = try FileHandle(forReadingFrom: files[0])
        process.standardOutput = try FileHandle(forWritingTo: files[1])
        process.standardError = try FileHandle(forWritingTo: files[2])
        try process.run()
        process.waitUntilExit()
        return CommandRun(
            code: process.terminationStatus, output: String(decoding: try Data(contentsOf: files[1]), as: UTF8.self),
            errors: String(decoding: try Data(contentsOf: files[2]), as: UTF8.self))
    }

    private static func process(_ arguments: [String], environment: [String: String]) -> Process {
        let process = Process()
        process.executableURL = binary
        process.arguments = arguments
        process.currentDirectoryURL = FileManager.default.temporaryDirectory
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardError = FileHandle.nullDevice
        return process
    }
}
