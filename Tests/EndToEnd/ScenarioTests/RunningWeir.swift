import Foundation
import Testing

/// The real binary, running on a free port in a folder of its own.
final class RunningWeir {
    let folder: URL
    private(set) var port = 0
    private var process = Process()
    private let arguments: [String]
    private let storageURL: String?
    private let diskBytes: Int?
    private let environment: [String: String]
    private let wrapper: [String]

    /// `WEIR_BINARY` for another build, such as one with a sanitizer.
    static var binary: URL {
        if let other = ProcessInfo.processInfo.environment["WEIR_BINARY"] { return URL(fileURLWithPath: other) }
        var folder = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { folder.deleteLastPathComponent() }
        return folder.appendingPathComponent(".build/debug/weir")
    }

    /// - Parameters:
    ///   - storageURL: where everything is kept; else a file in its folder.
    ///   - diskBytes: its folder is a file system of its own that holds no more.
    ///   - wrapper: a command it is started with that becomes it, such as `ip netns exec NAME`.
    init(
        _ settings: [String] = [], arguments more: [String] = [], storageURL: String? = nil, diskBytes: Int? = nil,
        environment: [String: String] = [:], wrapper: [String] = []
    ) throws {
        self.wrapper = wrapper
        self.storageURL = storageURL
        self.diskBytes = diskBytes
        self.environment = environment
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        arguments = settings.flatMap { ["--set", $0] } + more
        try start()
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        try? FileManager.default.removeItem(at: folder)
    }

    /// Starts it and waits for the line that names its port.
    func start() throws {
        process = Process()
        process.executableURL = Self.binary
        process.currentDirectoryURL = folder
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let url = storageURL ?? "sqlite:\(folder.path)/weir.db"
        process.arguments = ["serve", "--port", "0", "--storage-url", url] + arguments
        if !wrapper.isEmpty {
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = wrapper + [Self.binary.path] + (process.arguments ?? [])
        }
        if let diskBytes {
            // A mount of its own, which ends with the process. The binary keeps the process number of `unshare`.
            let mount = "mount -t tmpfs -o size=\(diskBytes) none \"$0\" && cd \"$0\" && exec \"$@\""
            process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
            process.arguments =
                ["--user", "--map-root-user", "--mount", "sh", "-c", mount, folder.path, Self.binary.path]
                + (process.arguments ?? [])
        }
        let output = Pipe()
        process.standardOutput = output
        try Data().write(to: log)
        process.standardError = try FileHandle(forWritingTo: log)
        try process.run()
        var text = ""
        while !text.contains("\n") {
            let data = output.fileHandleForReading.availableData
            guard !data.isEmpty else { throw Failure("weir did not start") }
            text += String(decoding: data, as: UTF8.self)
        }
        port = Int(text.split(separator: "\n")[0].split(separator: ":").last ?? "") ?? 0
    }

    /// Its folder as it sees it, from outside.
    var disk: URL { URL(fileURLWithPath: "/proc/\(process.processIdentifier)/root\(folder.path)") }

    /// What it wrote to standard error since it was started last.
    var log: URL { folder.appendingPathComponent("log") }
    var logLines: [[String: Any]] {
        let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
    }

    /// Open files and sockets of the server.
    var descriptors: Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process.processIdentifier)/fd"))?.count ?? 0
    }

    /// Memory the server has in use, in bytes.
    var residentBytes: Int {
        let status = try? String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)
        let line = status?.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
    }

    var processID: Int32 { process.processIdentifier }

    func send(signal: Int32) { kill(process.processIdentifier, signal) }

    func waitForExit() -> Int32 {
        process.waitUntilExit()
        return process.terminationStatus
    }

    var isRunning: Bool { process.isRunning }

    struct Failure: Error {
        var text: String
        init(_ text: String) { self.text = text }
    }
}
