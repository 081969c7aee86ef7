import Authentication
import Channels
import Configuring
import Connectors
import Foundation
import NIOPosix
import Outbound
import OutboundHTTPClient
import OutboundRedis
import Storage
import Telemetry
import Vocabulary
import Workflows

/// The active definitions, loaded as a server would: do their secrets resolve, do they compile, and, where asked, does what
/// the connectors lead to answer.
enum ConnectorCheck {
    private static let elsewhere =
        "References were followed with the environment of this command; the server's may differ."

    static func findings(
        _ settings: Settings, _ definitions: DefinitionSnapshot, connects: Bool
    ) async -> [Finding] {
        let secrets: ConnectorSecrets
        do { secrets = try SecretKey.secrets(key: key(settings)) } catch {
            return [Finding("connectors", .fail, "\(error)", "See access.secret_key.")]
        }
        let registry = MetricRegistry()
        let outbound: HTTPClientOutbound
        do throws(OutboundFailure) {
            outbound = try HTTPClientOutbound(
                group: MultiThreadedEventLoopGroup.singleton, authorities: settings.outboundAuthorities)
        } catch {
            return [
                Finding(
                    "connectors", .fail, "`\(settings.outboundAuthorities)` holds no certificates.",
                    "Set connectors.ca_file to a PEM file.")
            ]
        }
        let caches = RedisCaches(
            group: MultiThreadedEventLoopGroup.singleton, authorities: settings.outboundAuthorities)
        let builder = SnapshotBuilder(
            functions: .builtIn, registry: registry, include: settings.channelsInclude,
            exclude: settings.channelsExclude, maxLoopIterations: settings.maxLoopIterations,
            connectors: ConnectorSet.Builder(
                secrets: secrets, outbound: outbound,
                databases: DatabaseKinds.all(storageURL: settings.storageURL), caches: caches,
                breaker: .init(isEnabled: false, threshold: 1, recovery: .seconds(1)), registry: registry),
            // Fetched when a caller shows a token: not here.
            keySets: RemoteKeySets(outbound: outbound, allowsPrivateAddresses: settings.allowPrivateJWKSURLs),
            runsSchedules: settings.cronEnabled)
        let snapshot = await builder.build(definitions, previous: .empty)
        var findings = faults(snapshot.connectors) + issues(snapshot)
        if connects { findings += await probes(snapshot.connectors) }
        await outbound.shutDown()
        await caches.shutDown()
        return findings
    }

    /// Any key at all where there is none yet: nothing was sealed then. Here no file is made.
    private static func key(_ settings: Settings) -> [UInt8] {
        if !settings.connectorEncryptionKey.isEmpty { return SecretKey.bytes(settings.connectorEncryptionKey) }
        guard let path = SecretKey.file(of: settings), let text = FileManager.default.contents(atPath: path) else {
            return [UInt8](repeating: 0, count: 32)
        }
        return SecretKey.bytes(String(decoding: text, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
    }

    private static func faults(_ connectors: ConnectorSet) -> [Finding] {
        guard !connectors.faults.isEmpty else {
            return [Finding("connectors", .ok, "\(connectors.names.count) connectors load, secrets and all.")]
        }
        return connectors.faults.sorted { $0.key < $1.key }.map { id, fault in
            Finding(
                "connectors.\(id)", .fail, "The connector `\(id)` does not load: \(fault.message)",
                fault.stage == "secret_resolution" ? "Set what it names. \(elsewhere)" : "Edit the connector.")
        }
    }

    private static func issues(_ snapshot: ServingSnapshot) -> [Finding] {
        guard !snapshot.quarantined.isEmpty else {
            return [Finding("channels", .ok, "\(snapshot.channels.count) active channels can be served.")]
        }
        return snapshot.quarantined.values.sorted { $0.channel < $1.channel }.map {
            Finding(
                "channels.\($0.channel)", .fail, "The channel `\($0.channel)` cannot be served: \($0.message)",
                "Correct the definition and activate it. \(elsewhere)")
        }
    }

    private static func probes(_ connectors: ConnectorSet) async -> [Finding] {
        var findings: [Finding] = []
        // One after the other: each has its own time limit, and whoever watches sees which one hangs.
        for name in connectors.names.sorted() {
            let reason = await connectors.probe(name)
            findings.append(
                reason.map {
                    Finding(
                        "reach.\(name)", .fail, "What the connector `\(name)` leads to does not answer: \($0)",
                        "Look at its address and at the network between.")
                } ?? Finding("reach.\(name)", .ok, "What the connector `\(name)` leads to answers."))
        }
        return findings
    }
}
