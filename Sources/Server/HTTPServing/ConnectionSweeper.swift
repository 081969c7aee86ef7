import NIOCore
import Vocabulary

/// What the sweeper looks after.
protocol SweptConnection: AnyObject {
    func isOverdue(at now: UInt64) -> Bool
    func timeOut()
    func drain()
}

/// Ends connections whose time is up: one timer for all connections of an event loop instead of one for each request.
final class ConnectionSweeper {
    private var connections: [ObjectIdentifier: any SweptConnection] = [:]
    private var isDraining = false

    var count: Int { connections.count }

    func add(_ connection: any SweptConnection) {
        connections[ObjectIdentifier(connection)] = connection
        if isDraining { connection.drain() }
    }

    func remove(_ connection: any SweptConnection) { connections[ObjectIdentifier(connection)] = nil }

    func sweep() {
        let now = Stopwatch.nanoseconds()
        for connection in connections.values where connection.isOverdue(at: now) { connection.timeOut() }
    }

    func drain() {
        isDraining = true
        for connection in connections.values { connection.drain() }
    }
}
