import JSONLogic
import JSONTree

/// `validation`: rules that must hold; each that does not adds its message to the errors of the run.
final class ValidationFunction: WorkflowFunction {
    static let description = FunctionDescription(
        name: "validation", aliases: ["validate"], category: .control, retrySafety: .pure,
        summary: "Checks rules; each that fails adds its message to errors, and the task's status is 400.",
        fields: [.init("rules", .array, required: true, "objects with logic and message")])

    private struct Rule: Sendable {
        var logic: JSONLogicRule
        var message: String
    }

    private let rules: [Rule]

    init(input: inout InputReader) {
        var rules: [Rule] = []
        if let list = input.field("rules"), list.isArray {
            for index in 0..<list.count {
                var reader = InputReader(list[index], at: input.at("rules[\(index)]"))
                reader.checkNames(["logic", "message", "path"])
                if reader.value.member("logic") == nil {
                    reader.report(.init(reader.at("logic"), .required, "This field is required."))
                }
                if let logic = reader.logic("logic") {
                    rules.append(Rule(logic: logic, message: reader.string("message") ?? "Validation failed."))
                }
                input.absorb(reader)
            }
        }
        self.rules = rules
    }

    func run(_ context: RunContext) -> TaskResult {
        var holds = true
        for rule in rules {
            let verdict = try? context.evaluate(rule.logic)  // a rule that cannot be evaluated does not hold
            guard verdict?.isTruthy != true else { continue }
            holds = false
            context.errors.append(RunError(code: "VALIDATION_ERROR", message: rule.message, taskID: context.taskID))
        }
        return .status(holds ? 200 : 400)
    }
}
