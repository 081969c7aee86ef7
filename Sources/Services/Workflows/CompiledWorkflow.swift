package import JSONTree
package import Vocabulary

/// A version of a workflow, ready to run any number of times.
package final class CompiledWorkflow: Sendable {
    package let id: String
    package let version: Int
    package let name: String
    /// The channels that `channel_call` tasks name outright.
    package let calledChannels: [String]
    /// The connectors its tasks name, with the function that does.
    package let usedConnectors: [(connector: String, function: String)]
    let plan: WorkflowPlan

    private init(
        id: String, version: Int, name: String, calledChannels: [String],
        usedConnectors: [(connector: String, function: String)], plan: WorkflowPlan
    ) {
        self.usedConnectors = usedConnectors
        self.id = id
        self.version = version
        self.name = name
        self.calledChannels = calledChannels
        self.plan = plan
    }

    /// - Throws: a problem with a detail for each wrong field.
    package static func compile(
        _ body: JSONValue, id: String, version: Int, functions: FunctionCatalogue, maxLoopIterations: Int = 10_000
    ) throws(Problem) -> CompiledWorkflow {
        var parser = WorkflowParser(functions: functions, maxLoopIterations: maxLoopIterations)
        let (plan, details) = parser.parse(body)
        guard details.isEmpty else {
            throw Problem(.validation, "The workflow is not valid.", details: details)
        }
        return CompiledWorkflow(
            id: id, version: version, name: body.member("name")?.stringValue ?? id,
            calledChannels: parser.calledChannels, usedConnectors: parser.usedConnectors, plan: plan)
    }
}
