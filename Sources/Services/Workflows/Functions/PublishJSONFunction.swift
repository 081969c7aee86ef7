import JSONTree

/// `publish_json`: writes a part of `data` as JSON text, for systems that want a string.
final class PublishJSONFunction: WorkflowFunction {
    static let description = FunctionDescription(
        name: "publish_json", category: .data, retrySafety: .pure,
        summary: "Writes a field of data as JSON text to another field of data.",
        fields: [
            .init("source", .string, required: true, "the field of data to write out"),
            .init("target", .string, required: true, "the field of data that gets the text"),
            .init("pretty", .boolean, default: "false", "over several lines"),
        ])

    private let source: JSONPath?
    private let target: JSONPath?
    private let isPretty: Bool

    init(input: inout InputReader) {
        source = input.string("source").flatMap { input.makePath("data." + $0, field: "source", roots: ["data"]) }
        target = input.string("target").flatMap { input.makePath("data." + $0, field: "target", roots: ["data"]) }
        isPretty = input.flag("pretty") ?? false
    }

    func run(_ context: RunContext) -> TaskResult {
        guard let source, let target else { return .failed(TaskFailure("FUNCTION_ERROR", "There is no path.")) }
        let value = source.read(from: context.document.root) ?? .null
        let text = JSONValue.string(JSONWriter.string(value, pretty: isPretty), in: context.arena)
        return context.set(target, to: text)
            ? .status(200) : .failed(TaskFailure("FUNCTION_ERROR", "Nothing can be written at `\(target.text)`."))
    }
}
