import JSONTree

/// `parse_json`: brings the payload, or a part of the message, into `data`. Text is parsed, anything else is taken over.
final class ParseJSONFunction: WorkflowFunction {
    static let description = FunctionDescription(
        name: "parse_json", category: .data, retrySafety: .pure,
        summary: "Writes the payload or a part of the message to data.<target>; a string is parsed as JSON.",
        fields: [
            .init("source", .path, default: "\"payload\"", "payload, payload.a.b, data.x, metadata.x or temp_data.x"),
            .init("target", .string, required: true, "where in data to write it"),
        ])

    private let source: JSONPath?
    private let readsPayload: Bool
    private let target: JSONPath?

    init(input: inout InputReader) {
        let text = input.string("source") ?? "payload"
        readsPayload = text == "payload" || text.hasPrefix("payload.")
        if text == "payload" {
            source = nil
        } else if readsPayload {
            source = input.makePath(String(text.dropFirst(8)), field: "source", roots: [])
        } else {
            source = input.makePath(text, field: "source", roots: ["payload", "data", "metadata", "temp_data"])
        }
        let name = input.string("target") ?? ""
        target = name.isEmpty ? nil : input.makePath("data." + name, field: "target", roots: ["data"])
        if input.field("target") != nil, name.isEmpty {
            input.report(.init(input.at("target"), .invalid, "The target must not be empty."))
        }
    }

    func run(_ context: RunContext) -> TaskResult {
        let root = readsPayload ? context.payload : context.document.root
        var value = source.map { $0.read(from: root) ?? .null } ?? root
        if let text = value.utf8 {
            do throws(JSONSyntaxError) {
                value = try JSONReader.parse(text, in: context.arena)
            } catch {
                // What the caller sent is the caller's to mend.
                return .failed(
                    TaskFailure(
                        "DESERIALIZATION_ERROR", "The source is not JSON: \(error.message)",
                        problem: readsPayload ? .validation : nil))
            }
        }
        guard let target, context.set(target, to: value) else {
            return .failed(TaskFailure("FUNCTION_ERROR", "The target cannot be written."))
        }
        return .status(200)
    }
}
