package import Cluster
package import Connectors
package import Definitions
package import JSONTree
package import Schedules
package import Storage
package import Vocabulary
package import Workflows

/// The admin API: definitions, traces, dead letters, audit, engine. One table of routes answers and describes itself.
package struct AdminAPI: Sendable {
    let desk: DefinitionDesk
    let store: any DurableStore
    let control: any EngineControl
    let keys: AdminKeys
    let functions: FunctionCatalogue
    let jsonLimits: JSONLimits
    let maxLoopIterations: Int
    let secrets: ConnectorSecrets
    let backupFolder: String
    let schedules: ScheduleDesk
    /// Whether this instance runs them: where not, their channels cannot go live.
    let runsSchedules: Bool
    let membership: Membership
    let clock: WallClock
    private let trustsOrigin: @Sendable (String) -> Bool
    let tokenMatches: @Sendable (_ token: String, _ hash: [UInt8]) -> Bool

    package init(
        desk: DefinitionDesk, store: any DurableStore, control: any EngineControl, keys: AdminKeys,
        functions: FunctionCatalogue, jsonLimits: JSONLimits, maxLoopIterations: Int, secrets: ConnectorSecrets,
        backupFolder: String, schedules: ScheduleDesk, runsSchedules: Bool, membership: Membership,
        clock: WallClock = .system,
        trustsOrigin: @escaping @Sendable (String) -> Bool,
        tokenMatches: @escaping @Sendable (String, [UInt8]) -> Bool
    ) {
        self.desk = desk
        self.store = store
        self.control = control
        self.keys = keys
        self.functions = functions
        self.jsonLimits = jsonLimits
        self.maxLoopIterations = maxLoopIterations
        self.secrets = secrets
        self.backupFolder = backupFolder
        self.schedules = schedules
        self.runsSchedules = runsSchedules
        self.membership = membership
        self.clock = clock
        self.trustsOrigin = trustsOrigin
        self.tokenMatches = tokenMatches
    }

    static let routes: [AdminRoute] =
        DefinitionHandlers.routes
        + ConnectorHandlers.routes
        + ImportHandlers.routes
        + TraceHandlers.routes
        + ScheduleHandlers.routes
        + ExplainHandler.routes
        + BackupHandlers.routes
        + KeyHandlers.routes
        + ClusterHandlers.routes
        + OperationHandlers.routes

    package func respond(to request: AdminRequest) async -> AdminResponse {
        do {
            return try await route(request)
        } catch let problem as Problem {
            return .problem(problem, requestID: request.requestID)
        } catch let failure as StorageFailure {
            return .problem(DefinitionDesk.problem(failure), requestID: request.requestID)
        } catch {
            return .problem(Problem(.internalError, "Something went wrong."), requestID: request.requestID)
        }
    }

    private func route(_ request: AdminRequest) async throws -> AdminResponse {
        let path = try request.path.split(separator: "/").map { part in
            guard let decoded = Self.percentDecoded(part) else {
                throw Problem(.validation, "The path has an invalid percent sequence.")
            }
            return decoded
        }
        var allowed: [AdminRoute] = []
        for route in Self.routes {
            guard let handler = route.handler, let parameters = route.match(path) else { continue }
            guard route.method == request.method || request.method == "HEAD" && route.method == "GET" else {
                allowed.append(route)
                continue
            }
            let query = Self.query(request.query)
            let principal = try principal(for: route, request, query)
            let call = try AdminCall(
                request: request, principal: principal, route: route, parameters: parameters, query: query,
                limits: jsonLimits)
            if route.query.contains("wait") { try ClusterHandlers.checkWait(call) }
            let response = try await handler(self, call)
            let awaited =
                route.query.contains("wait") ? try await ClusterHandlers.awaitAll(self, call, response) : response
            return withExtendedLifetime(call) { awaited }
        }
        // A path that is written out, such as /workflows/import, is no id.
        if let fewest = allowed.map(\.parameters.count).min() {
            let methods = allowed.filter { $0.parameters.count == fewest }.map(\.method).joined(separator: ", ")
            var response = AdminResponse.problem(
                Problem(.methodNotAllowed, "This path answers to \(methods) only."), requestID: request.requestID)
            response.headers.append(("allow", methods))
            return response
        }
        throw Problem(.notFound, "There is nothing at this path.")
    }

    /// The one who asks, or why not.
    package func authenticate(_ request: AdminRequest) throws(Problem) -> AdminKeys.Principal {
        let principal = try keys.authenticate(
            keys.value(in: request), client: request.client, at: Stopwatch.nanoseconds())
        if keys.isOpen { try OpenAdmin.check(request, trustsOrigin) }
        return principal
    }

    /// Whether a page with this `Origin` may ask at all: one that this machine serves, or that the settings name.
    package func isTrusted(origin: String) -> Bool { OpenAdmin.isLocal(origin: origin) || trustsOrigin(origin) }

    private func principal(
        for route: AdminRoute, _ request: AdminRequest, _ query: [String: String]
    ) throws(Problem) -> AdminKeys.Principal {
        if route.access == .open { return .init(name: "anonymous", scope: .readOnly) }
        let principal = try authenticate(request)
        let isDryRun = query["dry_run"] == "true" || query["dry_run"] == "1"
        guard principal.scope >= (isDryRun ? route.dryRunScope : route.scope) else {
            throw Problem(
                .forbidden,
                principal.scope == .readOnly
                    ? "This key may only read."
                    : "This key may read, test and save drafts; this needs a full key.")
        }
        return principal
    }

    private static func percentDecoded(_ text: Substring) -> String? {
        guard text.contains("%") else { return String(text) }
        var bytes: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = String(rest.prefix(2)) ?? ""
            guard digits.utf8.count == 2, let value = UInt8(digits, radix: 16) else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func query(_ text: String?) -> [String: String] {
        var found: [String: String] = [:]
        for pair in (text ?? "").split(separator: "&").prefix(64) {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count > 1 ? String(parts[1]) : ""
            let plain = String(value.map { $0 == "+" ? " " : $0 })
            found[String(parts[0])] = percentDecoded(Substring(plain)) ?? plain
        }
        return found
    }
}
