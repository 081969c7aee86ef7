import Foundation
import Synchronization

/// Requests at a rate of their own, whether the last ones were answered or not: each port has a thread that sends when
/// the time has come, many at once where it is late, and reads what has come back.
final class OpenLoad: Sendable {
    private let ports: [Int]
    private let path: String
    private let perSecond: Double
    private let took = Mutex(0.0)

    /// Requests on one connection that wait for their replies.
    private static let pipelined = 16

    init(ports: [Int], path: String, perSecond: Double) {
        self.ports = ports
        self.path = path
        self.perSecond = perSecond
    }

    /// Seconds from the first request to the last.
    var elapsed: Double { took.withLock { $0 } }

    /// - Returns: how many replies there were of each status.
    func run(seconds: Double) -> [Int: Int] {
        let counts = Mutex<[Int: Int]>([:])
        let began = Self.now
        DispatchQueue.concurrentPerform(iterations: ports.count) { place in
            let statuses = load(ports[place], seconds)
            counts.withLock { $0.merge(statuses) { $0 + $1 } }
        }
        took.withLock { $0 = Self.now - began }
        return counts.withLock { $0 }
    }

    private static var now: Double { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 }

    private func load(_ port: Int, _ seconds: Double) -> [Int: Int] {
        let client = Client(port)
        let request = Client.request("POST", path, "{}")
        let pause = Double(ports.count) / perSecond
        var statuses: [Int: Int] = [:]
        let began = Self.now
        var sent = 0
        while Self.now - began < seconds {
            let due = Int((Self.now - began) / pause) + 1 - sent
            guard due > 0 else {
                usleep(500)  // the next one's time has not come
                continue
            }
            // A machine that was busy elsewhere does not get all at once what it missed.
            sent += due
            for _ in 0..<min(due, Self.pipelined) {
                guard client.write(request), let reply = client.read() else {
                    statuses[0, default: 0] += 1
                    continue
                }
                statuses[reply.status, default: 0] += 1
            }
        }
        return statuses
    }
}
