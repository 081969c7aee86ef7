package import JSONTree
package import Outbound
package import Storage
package import Telemetry
import Vocabulary
package import Workflows

/// The connectors of one snapshot. What has not changed since the last one goes on with its breakers and connections.
package final class ConnectorSet: Sendable {
    private enum Live: Sendable {
        case http(HTTPConnector)
        case database(DatabaseConnector)
        case cache(CacheConnector)

        var contentHash: String {
            switch self {
            case .http(let each): each.contentHash
            case .database(let each): each.contentHash
            case .cache(let each): each.contentHash
            }
        }

        var breakers: BreakerBoard? {
            switch self {
            case .http(let each): each.breakers
            case .database(let each): each.breakers
            case .cache(let each): each.breakers
            }
        }

        /// What its functions need it to be.
        var kind: String {
            switch self {
            case .http: "http"
            case .database: "db"
            case .cache: "cache"
            }
        }
    }

    private let connectors: [String: Live]
    /// By id: why a connector is not loaded.
    package let faults: [String: ConnectorFault]
    private let disabled: Set<String>
    private let news: BreakerNews?

    private init(
        connectors: [String: Live], faults: [String: ConnectorFault], disabled: Set<String>, news: BreakerNews? = nil
    ) {
        self.news = news
        self.connectors = connectors
        self.faults = faults
        self.disabled = disabled
    }

    package static let empty = ConnectorSet(connectors: [:], faults: [:], disabled: [])

    /// What a set is built with.
    package struct Builder: Sendable {
        let secrets: ConnectorSecrets
        let outbound: any OutboundHTTP
        let databases: any DatabaseOpening
        let caches: (any CacheOpening)?
        let breaker: BreakerBoard.Settings
        let registry: MetricRegistry
        /// Nil where nobody hears it.
        let news: BreakerNews?

        /// - Parameter caches: nil where nothing goes out: then every cache is in this process.
        package init(
            secrets: ConnectorSecrets, outbound: any OutboundHTTP, databases: any DatabaseOpening,
            caches: (any CacheOpening)? = nil, breaker: BreakerBoard.Settings,
            registry: MetricRegistry, news: BreakerNews? = nil
        ) {
            self.news = news
            self.secrets = secrets
            self.outbound = outbound
            self.databases = databases
            self.caches = caches
            self.breaker = breaker
            self.registry = registry
        }

        /// A channel's definition with its secrets as they are used.
        package func openedChannel(_ body: JSONValue, in arena: JSONArena) throws(ConnectorFault) -> JSONValue {
            try secrets.openedChannel(body, in: arena)
        }

        package func build(_ records: [DefinitionRecord], previous: ConnectorSet) -> ConnectorSet {
            var connectors: [String: Live] = [:]
            var faults: [String: ConnectorFault] = [:]
            var disabled: Set<String> = []
            for record in records where record.kind == .connector {
                guard record.status == .active else {
                    disabled.insert(record.id)
                    continue
                }
                do throws(ConnectorFault) {
                    let (name, made) = try connector(record, previous)
                    connectors[name] = made
                } catch {
                    faults[record.id] = error
                }
            }
            return ConnectorSet(connectors: connectors, faults: faults, disabled: disabled, news: news)
        }

        private func connector(
            _ record: DefinitionRecord, _ previous: ConnectorSet
        ) throws(ConnectorFault) -> (String, Live) {
            guard let stored = try? OwnedJSON(parsing: record.body) else {
                throw ConnectorFault(stage: "deserialize", message: "The stored connector is not JSON.")
            }
            let arena = JSONArena()
            let body = try secrets.opened(stored.value, in: arena)
            let (definition, details) = ConnectorDefinition.parse(body, isOpened: true)
            if case .http(let config) = definition?.settings, SecretForm.isReference(config.url) {
                throw ConnectorFault(stage: "endpoint", message: "config.url: what it refers to is a reference again.")
            }
            guard let definition else {
                let first = details.first.map { "\($0.path): \($0.message)" } ?? "It is not valid."
                throw ConnectorFault(stage: "deserialize", message: first)
            }
            let name = definition.name
            let hash = record.contentHash
            let known = previous.connectors[name].flatMap { $0.contentHash == hash ? $0 : nil }
            // References may lead to new secrets: what is kept over a reload is what was learned, not the settings.
            let breakers = known?.breakers ?? board(of: name)
            let meters = ConnectorMeters(connector: name, registry: registry)
            switch definition.settings {
            case .http(let config):
                return (
                    name,
                    .http(
                        HTTPConnector(
                            name: name, contentHash: hash, config: config, outbound: outbound, breakers: breakers,
                            meters: meters, tokens: tokens(config, name, previous)))
                )
            case .database(let config):
                if let known, case .database = known { return (name, known) }
                guard databases.schemes.contains(where: { config.source.url.hasPrefix($0 + ":") }) else {
                    throw ConnectorFault(
                        stage: "endpoint",
                        message: "The connection string must begin with \(databases.schemes.joined(separator: ", ")).")
                }
                let database = databases.open(config.source)
                return (
                    name,
                    .database(
                        DatabaseConnector(
                            name: name, contentHash: hash, config: config, database: database, breakers: breakers,
                            meters: meters))
                )
            case .cache(let config):
                if let known, case .cache = known { return (name, known) }
                let backend = try cache(config)
                return (
                    name,
                    .cache(
                        CacheConnector(
                            name: name, contentHash: hash, config: config, backend: backend, breakers: breakers,
                            meters: meters))
                )
            }
        }

        private func cache(_ config: CacheConnectorConfig) throws(ConnectorFault) -> CacheConnector.Backend {
            guard case .redis(let url) = config.backend, let caches else { return .memory(MemoryCache()) }
            do throws(CacheFailure) {
                return .outbound(try caches.open(url: url, allowsPrivateAddresses: config.allowsPrivateAddresses))
            } catch {
                throw ConnectorFault(stage: "endpoint", message: "config.url: \(error.reason).")
            }
        }

        private func board(of name: String) -> BreakerBoard {
            guard let news else { return BreakerBoard(settings: breaker) }
            return BreakerBoard(settings: breaker) { channel, recovery in
                news.opened("\(channel):\(name)", recovery)
            }
        }

        /// Tokens are kept over a reload while what they are asked for with is the same, secrets included.
        private func tokens(
            _ config: HTTPConnectorConfig, _ name: String, _ previous: ConnectorSet
        ) -> OAuth2TokenSource? {
            guard case .oauth2(let grant) = config.authentication else { return nil }
            if case .http(let known) = previous.connectors[name], let tokens = known.tokens, tokens.grant == grant,
                tokens.allowsPrivateAddresses == config.allowsPrivateAddresses
            {
                return tokens
            }
            return OAuth2TokenSource(
                grant, outbound: outbound, allowsPrivateAddresses: config.allowsPrivateAddresses,
                meters: OAuth2Meters(connector: name, registry: registry))
        }
    }

    package var names: Set<String> { Set(connectors.keys) }

    /// `loaded`, `failed` or `disabled`.
    package func loadStatus(ofID id: String) -> String {
        faults[id] != nil ? "failed" : disabled.contains(id) ? "disabled" : "loaded"
    }

    /// Whether what a connector leads to answers.
    ///
    /// - Returns: why not, or nil.
    package func probe(_ name: String) async -> String? {
        switch connectors[name] {
        case .http(let connector): return await connector.probe()
        case .database(let connector): return await connector.probe()
        case .cache(let connector): return await connector.probe()
        case nil: return "The connector is disabled, or not loaded."
        }
    }

    /// `channel:connector` and its state, in order.
    package func breakers(at now: UInt64) -> [(key: String, state: CircuitBreaker.State)] {
        connectors.flatMap { name, connector in
            (connector.breakers?.states(at: now) ?? []).map { (key: "\($0.channel):\(name)", state: $0.state) }
        }.sorted { $0.key < $1.key }
    }

    /// Closes a breaker, here and on other instances.
    ///
    /// - Returns: whether there is such a breaker.
    package func resetBreaker(_ key: String) -> Bool {
        guard closedElsewhere(key) else { return false }
        news?.closed(key)
        return true
    }

    /// Somebody closed it by hand on another instance.
    ///
    /// - Returns: whether there is such a breaker.
    package func closedElsewhere(_ key: String) -> Bool {
        board(of: key).map { $0.board.reset($0.channel) } ?? false
    }

    /// Another instance's breaker opened, and stays so for `left`: see ``CircuitBreaker/openElsewhere(stamp:left:at:)``.
    package func openedElsewhere(_ key: String, stamp: Int64, left: Duration, at now: UInt64) {
        guard let (board, channel) = board(of: key) else { return }
        board.openedElsewhere(channel, stamp: stamp, left: left, at: now)
    }

    private func board(of key: String) -> (board: BreakerBoard, channel: String)? {
        for (name, connector) in connectors where key.hasSuffix(":" + name) {
            let channel = String(key.dropLast(name.count + 1))
            if let board = connector.breakers { return (board, channel) }
        }
        return nil
    }
}

extension ConnectorSet: ConnectorCalling {
    package func callHTTP(_ call: ConnectorCall) async throws(TaskFailure) -> ConnectorReply {
        guard case .http(let connector) = connectors[call.connector] else { throw missing(call.connector, "http") }
        return try await connector.call(call)
    }

    package func callDatabase(_ call: DatabaseCall) async throws(TaskFailure) -> [UInt8] {
        guard case .database(let connector) = connectors[call.connector] else { throw missing(call.connector, "db") }
        return try await connector.call(call)
    }

    package func callCache(_ call: CacheCall) async throws(TaskFailure) -> [UInt8] {
        guard case .cache(let connector) = connectors[call.connector] else { throw missing(call.connector, "cache") }
        return try await connector.call(call)
    }

    private func missing(_ name: String, _ kind: String) -> TaskFailure {
        guard let other = connectors[name] else {
            return TaskFailure("FUNCTION_ERROR", "The connector `\(name)` is not found, or not loaded.")
        }
        return TaskFailure("FUNCTION_ERROR", "The connector `\(name)` is of the kind \(other.kind), not \(kind).")
    }
}
