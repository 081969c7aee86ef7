import Connectors
import Definitions
import JSONTree
import Storage
import Vocabulary
import Workflows

/// What is checked before content is saved, and before it goes live.
extension AdminAPI {
    func details(of body: JSONValue, _ kind: DefinitionKind) -> [Problem.Detail] {
        switch kind {
        case .channel: return ChannelDefinition.parse(body).1
        case .connector: return connectorDetails(of: body)
        case .workflow:
            do throws(Problem) {
                _ = try CompiledWorkflow.compile(
                    body, id: "", version: 0, functions: functions, maxLoopIterations: maxLoopIterations)
                return []
            } catch {
                return error.details
            }
        }
    }

    /// Masks and references stand for texts, so they are checked as texts.
    func connectorDetails(of body: JSONValue) -> [Problem.Detail] { ConnectorDefinition.parse(body).1 }

    func content(
        _ body: JSONValue, _ kind: DefinitionKind, over stored: JSONValue? = nil
    ) throws(Problem) -> DefinitionContent {
        let details = details(of: body, kind)
        guard details.isEmpty else {
            throw Problem(.validation, "The \(kind.rawValue) is not valid.", details: details)
        }
        let arena = JSONArena()
        return try withExtendedLifetime(arena) { () throws(Problem) in
            DefinitionContent(try secrets.sealedDefinition(body, kind, over: stored, in: arena), kind: kind)
        }
    }

    /// Why a version may not go live, judged with the other definitions as they are.
    func gates(_ record: DefinitionRecord, _ book: DefinitionBook) -> [Problem.Detail] {
        if record.kind == .workflow { return Self.connectorGates(record, book) }
        guard record.kind == .channel, let body = try? OwnedJSON(parsing: record.body) else { return [] }
        var faults: [Problem.Detail] = []
        if let workflow = body.value.member("workflow_id")?.stringValue {
            if book.active(.workflow, workflow).isEmpty {
                let known = book.latest(.workflow, workflow) != nil
                faults.append(
                    .init(
                        "workflow_id", .notFound,
                        known ? "The workflow `\(workflow)` is not active." : "There is no workflow `\(workflow)`."))
            }
        } else {
            faults.append(.init("workflow_id", .required, "A channel needs a workflow to go live."))
        }
        if body.value.member("protocol")?.stringValue == "cron", !runsSchedules {
            faults.append(.init("protocol", .invalid, "Schedules are switched off on this instance (cron.enabled)."))
        }
        let name = body.value.member("name")?.stringValue
        let route = body.value.member("route_pattern")?.stringValue.map(Self.shape)
        for other in book.snapshot.records
        where other.kind == .channel && other.status == .active && other.id != record.id {
            guard let content = try? OwnedJSON(parsing: other.body) else { continue }
            if content.value.member("name")?.stringValue == name {
                faults.append(.init("name", .conflict, "The active channel `\(other.id)` has this name."))
            }
            if let route, content.value.member("route_pattern")?.stringValue.map(Self.shape) == route,
                Self.sharesMethod(content.value, body.value)
            {
                faults.append(.init("route_pattern", .conflict, "The active channel `\(other.id)` has this route."))
            }
        }
        return faults
    }

    /// Connectors that its tasks name and that are not there, or not of the kind the function needs.
    private static func connectorGates(_ record: DefinitionRecord, _ book: DefinitionBook) -> [Problem.Detail] {
        guard let body = try? OwnedJSON(parsing: record.body),
            let workflow = try? CompiledWorkflow.compile(
                body.value, id: record.id, version: record.version, functions: .builtIn, maxLoopIterations: .max)
        else { return [] }  // compiled when it was saved
        var kinds: [String: String] = [:]
        for connector in book.latest(.connector) where connector.status == .active {
            let content = try? OwnedJSON(parsing: connector.body)  // what is stored is JSON
            kinds[DefinitionContent.name(of: connector)] = content?.read { $0.member("connector_type")?.stringValue }
        }
        return workflow.usedConnectors.compactMap { used in
            let needed = used.function.hasPrefix("db_") ? "db" : used.function.hasPrefix("cache_") ? "cache" : "http"
            guard let kind = kinds[used.connector] else {
                return .init(
                    "tasks", .notFound,
                    "There is no enabled connector `\(used.connector)`, which \(used.function) needs.",
                    got: used.connector)
            }
            guard kind != needed else { return nil }
            return .init(
                "tasks", .typeMismatch, "The connector `\(used.connector)` is not of the kind \(used.function) needs.",
                expected: needed, got: kind)
        }
    }

    /// A route without the names of its parameters.
    private static func shape(_ pattern: String) -> String {
        pattern.split(separator: "/").map { $0.hasPrefix("{") ? "{}" : String($0) }.joined(separator: "/")
    }

    private static func sharesMethod(_ left: JSONValue, _ right: JSONValue) -> Bool {
        guard let one = left.member("methods"), let other = right.member("methods"), one.isArray, other.isArray else {
            return true
        }
        return (0..<one.count).contains { place in (0..<other.count).contains { other[$0] == one[place] } }
    }
}
