package import JSONTree
package import Vocabulary

/// The unit of work a task calls. A new one is a file with a type like this and a line in ``FunctionCatalogue``.
package protocol WorkflowFunction: AnyObject, Sendable {
    static var description: FunctionDescription { get }

    /// Compiles the input once; what is wrong goes into `input`.
    init(input: inout InputReader)

    func run(_ context: RunContext) -> TaskResult
}

/// How a task ended.
package enum TaskResult {
    /// An HTTP-like status; below 400 is success, from 400 to 499 the run goes on, from 500 it stops.
    case status(Int)
    /// The task's condition of its own was not met; nothing is recorded (`filter` with `skip`).
    case skip
    /// Ends the workflow, successfully (`filter` with `halt`).
    case halt
    case failed(TaskFailure)
    /// Call another channel, then write its result to the path.
    case call(NestedCall, output: JSONPath)
    /// Wait outside the event loop, then go on with the result.
    case wait(@Sendable () async -> WaitResult)
}

package struct TaskFailure: Error, Sendable {
    package var code: String
    package var message: String
    /// More for those who read traces, and not for callers: what another system said.
    package var detail = ""
    /// What a run that ends with it is told as; nil for a fault of the engine.
    package var problem: Problem.Code?

    package init(_ code: String, _ message: String, problem: Problem.Code? = nil) {
        self.code = code
        self.message = message
        self.problem = problem
    }
}

/// What came of waiting: a value to write to a path, or a failure.
package enum WaitResult: Sendable {
    case value(OwnedJSON, output: JSONPath)
    /// There is nothing to write.
    case done
    case failed(TaskFailure)
}

/// A call from one workflow to another channel.
package struct NestedCall {
    package var channel: String
    package var payload: JSONValue
    package var metadata: JSONValue
    /// 0 for the default.
    package var timeoutMilliseconds: Int
    package var arena: JSONArena
    package var chain: [String]
}
