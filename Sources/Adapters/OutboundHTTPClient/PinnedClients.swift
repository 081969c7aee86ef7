import AsyncHTTPClient
import NIOCore
import NIOSSL
import Synchronization

/// HTTP clients that connect a host's name to one address, one for each pair in use; the least used go.
final class PinnedClients: Sendable {
    final class Lent: Sendable {
        let client: HTTPClient
        let key: String

        init(client: HTTPClient, key: String) {
            self.client = client
            self.key = key
        }
    }

    private struct Entry {
        var lent: Lent
        var users = 0
        var lastUse: UInt64
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var turn: UInt64 = 0
    }

    private let state = Mutex(State())
    private let group: any EventLoopGroup
    private let connectionsPerHost: Int
    private let authorities: [NIOSSLCertificate]

    /// Hosts with open connections.
    private static let most = 256

    /// - Parameter authorities: trusted besides those of the system.
    init(group: any EventLoopGroup, connectionsPerHost: Int, authorities: [NIOSSLCertificate]) {
        self.authorities = authorities
        self.group = group
        self.connectionsPerHost = connectionsPerHost
    }

    /// Give it back with ``giveBack(_:)``; until then it is not shut down.
    func lend(host: String, address: String) async -> Lent {
        let key = "\(host)=\(address)"
        let (lent, evicted) = state.withLock { state -> (Lent, Lent?) in
            state.turn += 1
            if var entry = state.entries[key] {
                entry.users += 1
                entry.lastUse = state.turn
                state.entries[key] = entry
                return (entry.lent, nil)
            }
            var evicted: Lent?
            if state.entries.count >= Self.most {
                let oldest = state.entries.filter { $0.value.users == 0 }.min { $0.value.lastUse < $1.value.lastUse }
                evicted = oldest.flatMap { state.entries.removeValue(forKey: $0.key)?.lent }
            }
            let made = Lent(client: makeClient(host, address), key: key)
            state.entries[key] = Entry(lent: made, users: 1, lastUse: state.turn)
            return (made, evicted)
        }
        if let evicted { try? await evicted.client.shutdown() }  // it is closed either way
        return lent
    }

    func giveBack(_ lent: Lent) { state.withLock { $0.entries[lent.key]?.users -= 1 } }

    private func makeClient(_ host: String, _ address: String) -> HTTPClient {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(10)), decompression: .disabled)
        configuration.dnsOverride = [host: address]
        if !authorities.isEmpty {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.additionalTrustRoots = [.certificates(authorities)]
            configuration.tlsConfiguration = tls
        }
        configuration.httpVersion = .http1Only
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connectionsPerHost
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.idleTimeout = .seconds(30)
        return HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
    }

    func shutDown() async {
        let all = state.withLock { state in
            let all = state.entries.values.map(\.lent)
            state.entries = [:]
            return all
        }
        for lent in all { try? await lent.client.shutdown() }  // it is closed either way
    }
}
