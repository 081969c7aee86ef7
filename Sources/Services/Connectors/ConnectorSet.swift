package import JSONTree
package import Outbound
package import Storage
package import Telemetry
import Vocabulary
package import Workflows

/// The connectors of one snapshot. What has not changed since the last one goes on with its breakers and connections.
package final class ConnectorSet: Sendable {
    private let connectors: [String: HTTPConnector]
    /// By id: why a connector is not loaded.
    package let faults: [String: ConnectorFault]
    private let disabled: Set<String>

    private init(connectors: [String: HTTPConnector], faults: [String: ConnectorFault], disabled: Set<String>) {
        self.connectors = connectors
        self.faults = faults
        self.disabled = disabled
    }

    package static let empty = ConnectorSet(connectors: [:], faults: [:], disabled: [])

    /// What a set is built with.
    package struct Builder: Sendable {
        let secrets: ConnectorSecrets
        let outbound: any OutboundHTTP
        let breaker: BreakerBoard.Settings
        let registry: MetricRegistry

        package init(
            secrets: ConnectorSecrets, outbound: any OutboundHTTP, breaker: BreakerBoard.Settings,
            registry: MetricRegistry
        ) {
            self.secrets = secrets
            self.outbound = outbound
            self.breaker = breaker
            self.registry = registry
        }

        /// A channel's definition with its secrets as they are used.
        package func openedChannel(_ body: JSONValue, in arena: JSONArena) throws(ConnectorFault) -> JSONValue {
            try secrets.openedChannel(body, in: arena)
        }

        package func build(_ records: [DefinitionRecord], previous: ConnectorSet) -> ConnectorSet {
            var connectors: [String: HTTPConnector] = [:]
            var faults: [String: ConnectorFault] = [:]
            var disabled: Set<String> = []
            for record in records where record.kind == .connector {
                guard record.status == .active else {
                    disabled.insert(record.id)
                    continue
                }
                do throws(ConnectorFault) {
                    let made = try connector(record, previous)
                    connectors[made.name] = made
                } catch {
                    faults[record.id] = error
                }
            }
            return ConnectorSet(connectors: connectors, faults: faults, disabled: disabled)
        }

        private func connector(
            _ record: DefinitionRecord, _ previous: ConnectorSet
        ) throws(ConnectorFault) -> HTTPConnector {
            guard let stored = try? OwnedJSON(parsing: record.body) else {
                throw ConnectorFault(stage: "deserialize", message: "The stored connector is not JSON.")
            }
            let arena = JSONArena()
            let body = try secrets.opened(stored.value, in: arena)
            let (definition, details) = ConnectorDefinition.parse(body)
            guard let definition else {
                let first = details.first.map { "\($0.path): \($0.message)" } ?? "It is not valid."
                throw ConnectorFault(stage: "deserialize", message: first)
            }
            let known = previous.connectors[definition.name]
            // References may lead to new secrets: only the breakers are kept, and they only while the content is the same.
            let breakers = known?.contentHash == record.contentHash ? known?.breakers : nil
            switch definition.settings {
            case .http(let config):
                return HTTPConnector(
                    name: definition.name, contentHash: record.contentHash, config: config, outbound: outbound,
                    breakers: breakers ?? BreakerBoard(settings: breaker),
                    meters: ConnectorMeters(connector: definition.name, registry: registry))
            }
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
        guard let connector = connectors[name] else { return "The connector is disabled, or not loaded." }
        return await connector.probe()
    }

    /// `channel:connector` and its state, in order.
    package func breakers(at now: UInt64) -> [(key: String, state: CircuitBreaker.State)] {
        connectors.values.flatMap { connector in
            connector.breakers.states(at: now).map { (key: "\($0.channel):\(connector.name)", state: $0.state) }
        }.sorted { $0.key < $1.key }
    }

    /// - Returns: whether there is such a breaker.
    package func resetBreaker(_ key: String) -> Bool {
        connectors.values.contains { connector in
            let suffix = ":" + connector.name
            return key.hasSuffix(suffix) && connector.breakers.reset(String(key.dropLast(suffix.count)))
        }
    }
}

extension ConnectorSet: ConnectorCalling {
    package func callHTTP(_ call: ConnectorCall) async throws(TaskFailure) -> ConnectorReply {
        guard let connector = connectors[call.connector] else {
            throw TaskFailure("FUNCTION_ERROR", "The connector `\(call.connector)` is not found, or not loaded.")
        }
        return try await connector.call(call)
    }
}
