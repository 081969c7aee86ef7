package import JSONLogic
package import JSONTree
package import Telemetry
package import Vocabulary

/// What functions work on: the message of one run.
package final class RunContext {
    /// `{"data","metadata","temp_data"}`: what expressions see.
    package var document: JSONDocument
    /// What the request brought; outside the document, as in the runtime whose definitions we run.
    package var payload: JSONValue
    package private(set) var arena: JSONArena
    package let budget: JSONLogicBudget
    package let chain: [String]
    package let log: RunLogger?
    package let origin: RunOrigin
    package let connectors: any ConnectorCalling
    package let workflowID: String
    package var errors: [RunError] = []
    /// The task that runs now.
    package var taskID = ""
    /// Paths written by the task that runs now, when they are recorded.
    var written: [(path: String, value: JSONValue)] = []
    let recordsOutputs: Bool
    private let rehearsal: Rehearsal?
    /// Where spans below the task that runs now go.
    package var spans: SpanPlace?

    init(
        payload: JSONValue, metadata: JSONValue, arena: JSONArena, workflowID: String, options: WorkflowRunOptions
    ) {
        var root = JSONObjectBuilder(capacity: 3, in: arena)
        root.append(key: "data", JSONObjectBuilder(capacity: 8, in: arena).finish())
        root.append(key: "metadata", metadata)
        root.append(key: "temp_data", JSONObjectBuilder(capacity: 8, in: arena).finish())
        metadata.markShared()
        payload.markShared()
        document = JSONDocument(root: root.finish(), arena: arena)
        self.payload = payload
        self.arena = arena
        self.workflowID = workflowID
        budget = JSONLogicBudget(deadline: options.deadline, now: options.rehearsal?.now)
        rehearsal = options.rehearsal
        chain = options.chain
        log = options.log
        origin = options.origin
        connectors = options.connectors
        recordsOutputs = options.recordsSteps && options.recordsOutputs
    }

    package var now: Timestamp { rehearsal?.now ?? .now() }

    /// Random bytes for whatever needs them: the system's, but in a rehearsal.
    package func randomBytes(_ count: Int) -> [UInt8] {
        if let rehearsal { return rehearsal.randomBytes(count) }
        var random = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    package func makeIdentifier() -> Identifier { rehearsal?.makeIdentifier() ?? .make() }

    package func evaluate(_ rule: JSONLogicRule) throws(JSONLogicError) -> JSONValue {
        try rule.evaluate(document.root, in: arena, budget: budget)
    }

    /// Writes to the message.
    package func set(_ path: JSONPath, to value: JSONValue) -> Bool {
        guard document.set(path, to: value) else { return false }
        if recordsOutputs { written.append((path.text, value)) }
        return true
    }

    /// Leaves everything behind that the message does not hold any more.
    func compact(into fresh: JSONArena) {
        payload = payload.copied(into: fresh)
        payload.markShared()
        document = document.compacted(into: fresh)
        written = []
        arena = fresh
    }
}

/// One thing that went wrong in a run.
package struct RunError: Sendable, Equatable {
    package var code: String
    package var message: String
    package var taskID: String?

    package init(code: String, message: String, taskID: String?) {
        self.code = code
        self.message = message
        self.taskID = taskID
    }

    package func write(into buffer: inout JSONByteBuffer) {
        buffer.append("{\"code\":")
        JSONWriter.write(code, into: &buffer)
        buffer.append(",\"message\":")
        JSONWriter.write(message, into: &buffer)
        if let taskID {
            buffer.append(",\"task_id\":")
            JSONWriter.write(taskID, into: &buffer)
        }
        buffer.append("}")
    }
}

/// Where `log` tasks write to.
package typealias RunLogger =
    @Sendable (_ level: String, _ message: String, _ fields: [(String, String)]) -> Void
