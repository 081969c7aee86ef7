import Foundation
import RealServices

/// Several instances of the real binary, each with storage of its own and the same definitions, that share one Redis.
final class SharingInstances {
    let weirs: [RunningWeir]

    static var isSoak: Bool { ProcessInfo.processInfo.environment["WEIR_SOAK"] == "1" }

    /// - Parameter timeout: milliseconds; long where the test is about what is agreed on, and the machine is busy.
    init(_ count: Int = 3, url: String, timeout: Int = 5000, _ settings: [String] = []) throws {
        // Other tests use the same server: these share with one another only.
        let own = [
            "shared_state.url=\(url)", "shared_state.prefix=t\(UUID().uuidString.prefix(8))",
            "shared_state.timeout_ms=\(timeout)",
        ]
        weirs = try (0..<count).map { _ in try RunningWeir(own + settings) }
    }

    subscript(place: Int) -> RunningWeir { weirs[place] }

    func clients() -> [Client] { weirs.map { Client($0.port) } }

    func deploy(_ name: String, tasks: String, more: String = "", channel: String = "") throws {
        for client in clients() { try client.deploy(name, tasks: tasks, more: more, channel: channel) }
    }

    /// The sum over all instances of the series whose names and labels begin so.
    func sum(_ series: String) throws -> Double {
        try clients().reduce(0) { sum, client in try sum + Self.value(series, client) }
    }

    static func value(_ series: String, _ client: Client) throws -> Double {
        let text = String(decoding: try client.call("GET", "/metrics").body, as: UTF8.self)
        return text.split(separator: "\n").filter { $0.hasPrefix(series) }
            .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }.reduce(0, +)
    }

    /// Asks until the answer is yes.
    static func eventually(_ what: String, within seconds: Double = 30, _ holds: () throws -> Bool) throws {
        try RealRedis.eventually(what, within: seconds, holds)
    }
}
