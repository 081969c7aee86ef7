package import Admission
package import Authentication
package import Connectors
import Definitions
import JSONTree
package import Storage
package import Telemetry
import Vocabulary
package import Workflows

/// Compiles the active definitions into a snapshot. What does not compile quarantines its channel alone.
package struct SnapshotBuilder: Sendable {
    private let functions: FunctionCatalogue
    private let registry: MetricRegistry
    /// Names of channels this instance serves; globs with `*`.
    private let include: [String]
    private let exclude: [String]
    private let maxLoopIterations: Int
    private let connectors: ConnectorSet.Builder
    /// Whether this instance may run schedules; where it may not, their channels are quarantined and never silently idle.
    private let runsSchedules: Bool
    private let keySets: RemoteKeySets
    /// Nil where each instance counts for itself.
    private let shared: SharedGuards?

    package init(
        functions: FunctionCatalogue, registry: MetricRegistry, include: [String] = [], exclude: [String] = [],
        maxLoopIterations: Int = 10_000, connectors: ConnectorSet.Builder, keySets: RemoteKeySets,
        runsSchedules: Bool = true, shared: SharedGuards? = nil
    ) {
        self.shared = shared
        self.runsSchedules = runsSchedules
        self.keySets = keySets
        self.connectors = connectors
        self.maxLoopIterations = maxLoopIterations
        self.functions = functions
        self.registry = registry
        self.include = include
        self.exclude = exclude
    }

    package func build(_ stored: DefinitionSnapshot, previous: ServingSnapshot) async -> ServingSnapshot {
        let active = stored.records.filter { $0.status == .active }
        let workflows = Dictionary(grouping: active.filter { $0.kind == .workflow }, by: \.id)
        var compiled: [String: Result<[(workflow: CompiledWorkflow, percentage: Int)], Problem>] = [:]
        var served: [ServedChannel] = []
        var quarantined: [LoadIssue] = []
        for record in active where record.kind == .channel {
            do throws(LoadIssue) {
                if let channel = try await channel(record, workflows, &compiled, previous) { served.append(channel) }
            } catch {
                quarantined.append(error)
            }
        }
        return ServingSnapshot(
            generation: stored.generation, channels: served, quarantined: quarantined, workflowCount: workflows.count,
            connectors: connectors.build(stored.records, previous: previous.connectors))
    }

    private func channel(
        _ record: DefinitionRecord, _ workflows: [String: [DefinitionRecord]],
        _ compiled: inout [String: Result<[(workflow: CompiledWorkflow, percentage: Int)], Problem>],
        _ previous: ServingSnapshot
    ) async throws(LoadIssue) -> ServedChannel? {
        var issue = LoadIssue(
            channel: record.id, channelID: record.id, workflowID: "", routePattern: nil, message: "")
        guard let body = try? OwnedJSON(parsing: record.body) else {
            issue.message = "The stored definition is not JSON."
            throw issue
        }
        issue.channel = body.value.member("name")?.stringValue ?? record.id
        issue.routePattern = body.value.member("route_pattern")?.stringValue
        issue.workflowID = body.value.member("workflow_id")?.stringValue ?? ""
        guard isSelected(issue.channel) else { return nil }
        let arena = JSONArena()
        let opened: JSONValue
        do throws(ConnectorFault) { opened = try connectors.openedChannel(body.value, in: arena) } catch {
            issue.message = error.message
            throw issue
        }
        let (definition, details) = ChannelDefinition.parse(opened)
        guard let definition, details.isEmpty else {
            issue.message = details.first.map { "\($0.path): \($0.message)" } ?? "The definition is not valid."
            throw issue
        }
        guard definition.schedule == nil || runsSchedules else {
            issue.message = "Schedules are switched off on this instance (cron.enabled)."
            throw issue
        }
        let id = definition.workflowID ?? ""
        let versions = compiled[id] ?? compile(workflows[id] ?? [])
        compiled[id] = versions
        switch versions {
        case .failure(let problem):
            issue.message = problem.message
            throw issue
        case .success(let versions):
            guard !versions.isEmpty else {
                issue.message = "Its workflow `\(id)` has no active version."
                throw issue
            }
            let check: (any CallerChecking)?
            do { check = try await callerCheck(definition.config) } catch {
                issue.message = "config.auth: a key cannot be used."
                throw issue
            }
            return ServedChannel(
                id: record.id, version: record.version, activatedAt: record.updatedAt, definition: definition,
                workflows: versions,
                callerCheck: check, previous: previous.channels[definition.name],
                meters: ChannelMeters(channel: definition.name, knowsCallers: check != nil, registry: registry),
                shared: shared)
        }
    }

    private func callerCheck(_ config: ChannelConfig) async throws -> (any CallerChecking)? {
        switch config.authentication {
        case .check(let check): check
        case .tokens(let rules): try await TokenCheck(rules, keySets: keySets)
        case nil: nil
        }
    }

    private func compile(
        _ records: [DefinitionRecord]
    ) -> Result<[(workflow: CompiledWorkflow, percentage: Int)], Problem> {
        var versions: [(workflow: CompiledWorkflow, percentage: Int)] = []
        for record in records.sorted(by: { $0.version > $1.version }) {
            guard let body = try? OwnedJSON(parsing: record.body) else {
                return .failure(Problem(.engine, "Workflow `\(record.id)` version \(record.version) is not JSON."))
            }
            do throws(Problem) {
                let workflow = try CompiledWorkflow.compile(
                    body.value, id: record.id, version: record.version, functions: functions,
                    maxLoopIterations: maxLoopIterations)
                versions.append((workflow, record.rolloutPercentage))
            } catch {
                let first = error.details.first.map { " \($0.path): \($0.message)" } ?? ""
                return .failure(
                    Problem(
                        .engine,
                        "Workflow `\(record.id)` version \(record.version) does not compile: \(error.message)\(first)"))
            }
        }
        return .success(versions)
    }

    private func isSelected(_ name: String) -> Bool {
        (include.isEmpty || include.contains { Glob.matches($0, name) })
            && !exclude.contains { Glob.matches($0, name) }
    }
}

extension LoadIssue: Error {}
