import JSONLogic
import JSONTree

/// A workflow's tasks in the order they run. Groups are flattened: entering one is a step that may jump over it.
struct WorkflowPlan: Sendable {
    enum Step: Sendable {
        case task(PlannedTask)
        /// Goes on behind the group where the condition does not hold.
        case enterGroup(condition: JSONLogicRule, end: Int)
        /// The end of a terminal group: the workflow is over when it was entered.
        case stop
    }

    var condition: JSONLogicRule?
    var steps: [Step]
    var loop: PlannedLoop?
}

/// One task, compiled.
struct PlannedTask: Sendable {
    var id: String
    var functionName: String
    /// The connector it names.
    var connector: String?
    var function: any WorkflowFunction
    var condition: JSONLogicRule?
    var continuesOnError: Bool
    var isTerminal: Bool
    var haltsOnFailure: Bool
    var forEach: PlannedForEach?
}

/// `for_each`: the task once for every element.
struct PlannedForEach: Sendable {
    var over: JSONLogicRule
    var element: JSONPath
    var collect: JSONLogicRule?
    var into: JSONPath?
}

/// `loop`: the whole list of tasks again and again.
struct PlannedLoop: Sendable {
    var max: Int
    var counter: JSONPath
    var start: Int
    var increment: Int
    var setup: [WorkflowPlan.Step]
    var over: JSONLogicRule?
    var element: JSONPath?
    var scratch: JSONPath?
}
