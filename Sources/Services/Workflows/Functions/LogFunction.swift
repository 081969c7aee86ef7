import JSONLogic
import JSONTree

/// `log`: writes a line to the server's log.
final class LogFunction: WorkflowFunction {
    static let description = FunctionDescription(
        name: "log", category: .utility, retrySafety: .pure,
        summary: "Writes a message and computed fields to the server's log.",
        fields: [
            .init("message", .logic, required: true, "what to write"),
            .init(
                "level", .string, default: "\"info\"", choices: ["trace", "debug", "info", "warn", "warning", "error"],
                "how much it matters"),
            .init("fields", .object, default: "{}", "names and the expressions for their values"),
        ])

    private let message: JSONLogicRule?
    private let level: String
    private let fields: [(name: String, logic: JSONLogicRule)]

    init(input: inout InputReader) {
        message = input.logic("message")
        level = input.string("level") ?? "info"
        var fields: [(name: String, logic: JSONLogicRule)] = []
        if let object = input.field("fields"), object.isObject {
            var reader = InputReader(object, at: input.at("fields"))
            for index in 0..<object.count {
                let name = object.key(at: index).stringValue ?? ""
                if let logic = reader.compile(object.value(at: index), field: name) { fields.append((name, logic)) }
            }
            input.absorb(reader)
        }
        self.fields = fields
    }

    func run(_ context: RunContext) -> TaskResult {
        guard let message else { return .status(200) }
        do throws(JSONLogicError) {
            let text = try context.evaluate(message)
            guard let log = context.log else { return .status(200) }
            var values: [(String, String)] = [
                ("workflow_id", context.workflowID), ("task_id", context.taskID),
                ("request_id", context.origin.requestID), ("trace_id", context.origin.traceContext.traceID),
            ]
            for (name, logic) in fields { values.append((name, Self.text(try context.evaluate(logic)))) }
            log(level, Self.text(text), values)
            return .status(200)
        } catch {
            return .failed(TaskFailure("LOGIC_ERROR", "The message failed: \(error.type)"))
        }
    }

    private static func text(_ value: JSONValue) -> String { value.stringValue ?? JSONWriter.string(value) }
}
