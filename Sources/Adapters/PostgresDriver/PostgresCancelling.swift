import CPostgres
import Dispatch
import Synchronization

/// Asks servers to stop a statement. That takes a connection of its own and blocks, for ever where the server is frozen: one
/// thread does it for all, and what comes while much is waiting is left to the server's own timeout.
enum PostgresCancelling {
    private static let queue = DispatchQueue(label: "weir.postgres.cancelling")
    private static let waiting = Atomic<Int>(0)
    private static let mostWaiting = 64

    static func cancel(_ connection: OpaquePointer) {
        guard waiting.load(ordering: .relaxed) < mostWaiting, let cancel = PQgetCancel(connection) else { return }
        waiting.add(1, ordering: .relaxed)
        let address = Int(bitPattern: cancel)
        queue.async {
            defer { waiting.subtract(1, ordering: .relaxed) }
            guard let cancel = OpaquePointer(bitPattern: address) else { return }
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) {
                _ = PQcancel(cancel, $0.baseAddress, 256)
            }
            PQfreeCancel(cancel)
        }
    }
}
