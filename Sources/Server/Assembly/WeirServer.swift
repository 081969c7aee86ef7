import AdminAPI
import Channels
package import Configuring
import Connectors
import Definitions
import Glibc
import HTTPAPI
import HTTPServing
import JSONTree
package import Logging
import NIOCore
import Storage
import StorageSQLite
import Synchronization
import Telemetry
import Traces
import Vocabulary
import Workflows

/// Puts a server together and runs it until it is told to stop: the only place that knows every room.
package enum WeirServer {
    package static let version = "0.1.0"

    /// The OpenAPI document of the routes, for `api/openapi.json`.
    package static var openAPI: [UInt8] { OpenAPIDocument.bytes(version: version) }

    /// - Parameters:
    ///   - prettyLogs: whether access log lines are for people.
    ///   - started: called with the URL once requests are answered.
    package static func run(
        _ settings: Settings, definitions: [StartDefinition] = [], logger: Logger, prettyLogs: Bool,
        started: @Sendable (String) -> Void = { _ in }
    ) async throws {
        // A terminal that is closed ends no server; where there are certificates, they are looked at again.
        Glibc.signal(SIGHUP, SIG_IGN)
        let plan = try ServingPlan(settings)
        let store = try await Stores.open(settings)
        let secrets = try SecretKey.secrets(settings)
        let parts = try ServerParts(
            settings: settings, plan: plan, store: store, secrets: secrets, logger: logger, prettyLogs: prettyLogs)
        // A member first: what it accepts is nobody else's from the beginning, and its time is the cluster's.
        do throws(StorageFailure) { try await parts.membership.beatOnce() } catch {
            throw StartFailure("The database does not take this instance as a member: \(error.sentence)")
        }
        do {
            let (stop, url) = try await begin(parts, settings, definitions, secrets, logger)
            started(url)
            await parts.run {
                await stop.wait()
                Task {
                    await stop.waitForAnother()
                    logger.warning("stopped at once, as asked a second time; what was accepted is on disk")
                    _exit(1)
                }
            }
            stop.cancel()
        } catch {
            // Nobody waits for a member that never was one.
            await parts.membership.leave()
            throw error
        }
        await store.close()
        logger.notice("stopped")
    }

    /// Brings everything up, to where requests are answered.
    private static func begin(
        _ parts: ServerParts, _ settings: Settings, _ definitions: [StartDefinition], _ secrets: ConnectorSecrets,
        _ logger: Logger
    ) async throws -> (stop: StopSignals, url: String) {
        if !definitions.isEmpty {
            try await StartDefinition.apply(definitions, to: parts.desk, functions: parts.functions, secrets: secrets)
            logger.notice("definitions are applied", metadata: ["files": "\(definitions.count)"])
        }
        do throws(StorageFailure) { try await parts.keys.load(from: parts.store) } catch {
            throw StartFailure("The admin keys cannot be read: \(error.sentence)")
        }
        try await load(parts, logger)
        await parts.queue.countBacklogOnce()
        let stop = await StopSignals()
        let port = try await listen(parts, settings)
        let host = settings.serverHost.contains(":") ? "[\(settings.serverHost)]" : settings.serverHost
        let url = "\(settings.tlsEnabled ? "https" : "http")://\(host):\(port)"
        if settings.clusterAdvertiseURL.isEmpty { parts.membership.setAddress(url) }
        parts.operations.setReady(true)
        logger.notice(
            "ready", metadata: ["host": "\(settings.serverHost)", "port": "\(port)", "version": "\(version)"])
        return (stop, url)
    }

    /// A member that cannot read the secrets of the others would fail its share of the calls.
    private static func load(_ parts: ServerParts, _ logger: Logger) async throws {
        for fault in try await parts.engine.reload().connectorFaults {
            logger.error(
                "a connector does not load", metadata: ["connector": "\(fault.id)", "reason": "\(fault.message)"])
        }
        guard parts.engine.hasForeignSecrets, parts.membership.view?.alive.count ?? 1 > 1 else { return }
        throw StartFailure(
            "The connectors' secrets were sealed with another key than storage.connector_encryption_key: set the same on every instance."
        )
    }

    private static func listen(_ parts: ServerParts, _ settings: Settings) async throws -> Int {
        do {
            return try await parts.listener.start(host: settings.serverHost, port: settings.serverPort)
        } catch let error as IOError {
            let place = "\(settings.serverHost):\(settings.serverPort)"
            switch error.errnoCode {
            case EADDRINUSE:
                throw StartFailure("\(place) is taken by another program. Stop it, or choose another port with --port.")
            case EACCES:
                throw StartFailure("This user may not listen on \(place). Choose a port above 1023 with --port.")
            case EADDRNOTAVAIL:
                throw StartFailure(
                    "\(settings.serverHost) is no address of this machine. Set server.host to one of them.")
            default: throw StartFailure("\(place) cannot be listened on: \(String(cString: strerror(error.errnoCode)))")
            }
        }
    }

    /// Puts a backup in the place of the database that the settings name.
    package static func restore(_ file: String, _ settings: Settings) async throws {
        do throws(StorageFailure) { try await SQLiteStore.restore(file, toURL: settings.storageURL) } catch {
            throw StartFailure("`\(file)` cannot be restored: \(error.sentence)")
        }
    }
}

/// Why the server does not start, in a sentence for people.
package struct StartFailure: Error, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}
