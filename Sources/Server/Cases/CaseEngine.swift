import Authentication
import Channels
import Connectors
import Definitions
import HTTPAPI
import JSONTree
import Outbound
import Remote
import Storage
import Telemetry
import Vocabulary
import Workflows

/// Runs cases on definitions from files, each on an engine of its own: no case sees another's rates, breakers or caches.
struct CaseEngine: Sendable {
    private let definitions: [LocalDefinition]

    private static let timeoutMilliseconds = 60_000
    private static let maxResultBytes = 16 << 20
    private static let directChannel = "weir-test-workflow"

    /// - Throws: where a definition is not valid.
    init(_ definitions: [LocalDefinition]) throws(ServerFailure) {
        self.definitions = definitions
        for definition in definitions {
            let details = Self.details(definition)
            guard details.isEmpty else {
                let reasons = details.map { "\n  \($0.path): \($0.message)" }.joined()
                throw .input("\(definition.file) is not valid.\(reasons)")
            }
        }
    }

    private static func details(_ definition: LocalDefinition) -> [Problem.Detail] {
        guard let body = try? OwnedJSON(parsing: definition.bytes) else { return [] }  // written by us
        switch definition.kind {
        case .channel: return ChannelDefinition.parse(body.value).1
        case .connector: return ConnectorDefinition.parse(body.value).1
        case .workflow:
            do throws(Problem) {
                _ = try CompiledWorkflow.compile(body.value, id: definition.id, version: 1, functions: .builtIn)
                return []
            } catch {
                return error.details
            }
        }
    }

    /// Texts in the connectors' settings that must not be in a file.
    func secretTexts(_ secrets: ConnectorSecrets) -> [String] {
        definitions.filter { $0.kind == .connector }.flatMap { definition -> [String] in
            guard let body = try? OwnedJSON(parsing: definition.content.body) else { return [] }  // written by us
            return secrets.secretTexts(body.value)
        }
    }

    func run(
        _ given: CaseFile, rehearsal: Rehearsal, secrets: ConnectorSecrets, outbound: any OutboundHTTP,
        databases: any DatabaseOpening
    ) async throws(ServerFailure) -> RehearsedCall.Outcome {
        let registry = MetricRegistry()
        let builder = SnapshotBuilder(
            functions: .builtIn, registry: registry,
            connectors: ConnectorSet.Builder(
                secrets: secrets, outbound: outbound, databases: databases,
                breaker: .init(isEnabled: true, threshold: 5, recovery: .seconds(30)), registry: registry),
            keySets: RemoteKeySets(outbound: outbound, allowsPrivateAddresses: false))
        let snapshot = await builder.build(
            DefinitionSnapshot(generation: 1, records: records(for: given)), previous: .empty)
        if let issue = snapshot.quarantined.values.first { throw .input("\(issue.channel): \(issue.message)") }
        if let fault = snapshot.connectors.faults.min(by: { $0.key < $1.key }) {
            throw .input("The connector `\(fault.key)` cannot be loaded: \(fault.value.message)")
        }
        try await fillCaches(given, snapshot.connectors)
        let call = RehearsedCall(
            snapshot: snapshot,
            settings: RunSettings(
                syncTimeoutMilliseconds: Self.timeoutMilliseconds, asyncTimeoutMilliseconds: Self.timeoutMilliseconds,
                callTimeoutMilliseconds: Self.timeoutMilliseconds, maxLoopIterations: 1_000_000, maxCallDepth: 10,
                maskedFields: MaskedFields([]), log: nil), rehearsal: rehearsal, maxBytes: Self.maxResultBytes)
        do throws(Problem) {
            return try await call.answer(
                given.method, path: path(given), query: given.query, headers: given.headers, body: given.body)
        } catch {
            throw .input(error.message)
        }
    }

    private func path(_ given: CaseFile) -> String {
        switch given.target {
        case .channel(let name): ServerConnection.segment(name)
        case .path(let path): path
        case .workflow: Self.directChannel
        }
    }

    private func records(for given: CaseFile) -> [DefinitionRecord] {
        let epoch = Timestamp(microseconds: 0)
        var records = definitions.map { definition in
            DefinitionRecord(
                kind: definition.kind, id: definition.id, version: 1, status: .active, body: definition.content.body,
                contentHash: definition.content.hash, createdAt: epoch, updatedAt: epoch)
        }
        if case .workflow(let id) = given.target {
            var body = JSONByteBuffer()
            body.append("{\"name\":\"")
            body.append(utf8: Self.directChannel)
            body.append("\",\"channel_type\":\"sync\",\"protocol\":\"rest\",\"workflow_id\":")
            JSONWriter.write(id, into: &body)
            body.append("}")
            records.append(
                DefinitionRecord(
                    kind: .channel, id: Self.directChannel, version: 1, status: .active, body: body.bytes,
                    contentHash: "", createdAt: epoch, updatedAt: epoch))
        }
        return records
    }

    /// `cache`: by connector, what is in it before the call.
    private func fillCaches(_ given: CaseFile, _ connectors: ConnectorSet) async throws(ServerFailure) {
        let filled = given.document.read { root in
            let caches = root.member("cache") ?? .null
            return (0..<caches.count).flatMap { place -> [CacheCall] in
                let entries = caches.value(at: place)
                return (0..<entries.count).map { entry in
                    CacheCall(
                        connector: caches.key(at: place).stringValue ?? "",
                        operation: .write(
                            entries.key(at: entry).stringValue ?? "", JSONWriter.bytes(entries.value(at: entry)),
                            seconds: nil))
                }
            }
        }
        for call in filled {
            do throws(TaskFailure) { _ = try await connectors.callCache(call) } catch {
                throw .input("cache: \(error.message)")
            }
        }
    }
}
