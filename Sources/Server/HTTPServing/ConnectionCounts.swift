import Synchronization

/// How many connections there are, in all and of each address. Asked once for each connection, never for a request.
package final class ConnectionCounts: Sendable {
    enum Verdict: Equatable, Sendable { case admitted, full, clientFull }

    private struct State {
        var total = 0
        var clients: [String: Int] = [:]
    }

    private let most: Int
    private let mostOfClient: Int
    private let isExempt: @Sendable (String) -> Bool
    private let state = Mutex(State())

    /// - Parameters:
    ///   - mostOfClient: 0 for any number.
    ///   - isExempt: addresses that stand for many clients, such as proxies.
    package init(most: Int, mostOfClient: Int, isExempt: @escaping @Sendable (String) -> Bool) {
        self.most = most
        self.mostOfClient = mostOfClient
        self.isExempt = isExempt
    }

    package var total: Int { state.withLock { $0.total } }

    /// Give back with ``leave(_:)`` what was admitted.
    func enter(_ client: String) -> Verdict {
        let isCounted = counts(client)
        return state.withLock { state in
            guard state.total < most else { return .full }
            if isCounted {
                guard state.clients[client, default: 0] < mostOfClient else { return .clientFull }
                state.clients[client, default: 0] += 1
            }
            state.total += 1
            return .admitted
        }
    }

    func leave(_ client: String) {
        let isCounted = counts(client)
        state.withLock { state in
            state.total -= 1
            guard isCounted, let left = state.clients[client] else { return }
            state.clients[client] = left > 1 ? left - 1 : nil
        }
    }

    private func counts(_ client: String) -> Bool { mostOfClient > 0 && !isExempt(client) }
}
