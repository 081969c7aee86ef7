import Foundation
import Synchronization

/// Ports below those that the system gives out by itself, so that a server that is stopped finds its port free when it
/// is started again.
enum FreePorts {
    private static let taken = Mutex<Set<Int>>([])

    /// - Returns: a port that is free, with the port 10,000 above it.
    static func take() throws -> Int {
        for _ in 0..<200 {
            let port = Int.random(in: 12_000..<22_000)
            guard taken.withLock({ $0.insert(port).inserted }) else { continue }
            if isFree(port), isFree(port + 10_000) { return port }
        }
        throw RealRedis.Failure(description: "there is no free port")
    }

    private static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
