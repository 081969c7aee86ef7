import Foundation
import Testing

/// What `make cluster` starts, from the same script: PostgreSQL, Redis, instances, HAProxy. It ends with this object, and
/// with this process.
final class LocalCluster {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var unread = Data()
    /// Ports of the instances, the first first.
    private(set) var ports: [Int] = []
    private(set) var proxyPort = 0
    private(set) var folder = URL(fileURLWithPath: "/")
    private(set) var databaseURL = ""
    private(set) var redisURL = ""

    /// The long run of the bad days (`make soak`); the short one is part of every test run.
    static let isSoak = ProcessInfo.processInfo.environment["WEIR_SOAK"] != nil

    /// - Parameter arguments: more for `scripts/cluster`.
    init(instances: Int = 3, settings: [String] = [], arguments: [String] = []) throws {
        process.executableURL = Self.root.appendingPathComponent("scripts/cluster")
        process.arguments =
            [
                "--output", "json", "--port", "0", "--instances", "\(instances)", "--binary", RunningWeir.binary.path,
            ] + settings.flatMap { ["--set", $0] } + arguments
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let facts = try answer()
        let instances = facts["instances"] as? [[String: Any]] ?? []
        ports = instances.compactMap { Self.port($0["url"]) }
        proxyPort = (facts["proxy"] as? [String: Any]).flatMap { Self.port($0["url"]) } ?? 0
        folder = URL(fileURLWithPath: facts["folder"] as? String ?? "/")
        databaseURL = (facts["postgres"] as? [String: Any])?["url"] as? String ?? ""
        redisURL = (facts["redis"] as? [String: Any])?["url"] as? String ?? ""
        try #require(ports.count == instances.count && !ports.isEmpty)
    }

    deinit {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    static var root: URL {
        var folder = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { folder.deleteLastPathComponent() }
        return folder
    }

    private static func port(_ url: Any?) -> Int? { (url as? String)?.split(separator: ":").last.flatMap { Int($0) } }

    /// One line, such as `kill 2`, `start 2`, `pause redis`; returns when it is done.
    func tell(_ line: String) throws {
        try input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8))
        let answer = try answer()
        guard answer["done"] as? String == line else { throw RunningWeir.Failure("\(line): \(answer)") }
    }

    private func answer() throws -> [String: Any] {
        while true {
            if let end = unread.firstIndex(of: 10) {
                let line = unread[..<end]
                unread = Data(unread[(end + 1)...])
                return try JSONSerialization.jsonObject(with: line) as? [String: Any] ?? [:]
            }
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { throw RunningWeir.Failure("the cluster did not start, or ended") }
            unread += more
        }
    }

    /// What the database answers, a line each.
    func sql(_ text: String) throws -> [String] {
        let run = try Tool.run(["psql", "-Atq", "-v", "ON_ERROR_STOP=1", databaseURL, "-c", text])
        guard run.status == 0 else { throw RunningWeir.Failure("psql: \(run.output)") }
        return run.output.split(separator: "\n").map(String.init)
    }
}
