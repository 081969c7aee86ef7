import JSONLogic

/// `filter`: goes on only where a condition holds.
final class FilterFunction: WorkflowFunction {
    static let description = FunctionDescription(
        name: "filter", category: .control, retrySafety: .pure,
        summary: "Ends the workflow (halt) or does nothing (skip) where the condition does not hold.",
        fields: [
            .init("condition", .logic, required: true, "what must hold"),
            .init("on_reject", .string, default: "\"halt\"", choices: ["halt", "skip"], "what happens otherwise"),
        ])

    private let condition: JSONLogicRule?
    private let halts: Bool

    init(input: inout InputReader) {
        condition = input.logic("condition")
        halts = input.string("on_reject") != "skip"
    }

    func run(_ context: RunContext) -> TaskResult {
        guard let condition else { return .status(200) }
        do throws(JSONLogicError) {
            if try context.evaluate(condition).isTruthy { return .status(200) }
            return halts ? .halt : .skip
        } catch {
            return .failed(TaskFailure("LOGIC_ERROR", "The condition failed: \(error.type)"))
        }
    }
}
