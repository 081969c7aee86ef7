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

    private let source: MessageSource

    init(input: inout InputReader) { source = MessageSource(input: &input) }

    func run(_ context: RunContext) -> TaskResult {
        var value = source.value(in: context)
        if let text = value.utf8 {
            do throws(JSONSyntaxError) {
                value = try JSONReader.parse(text, in: context.arena)
            } catch {
                return source.unreadable("The source is not JSON: \(error.message)")
            }
        }
        return source.write(value, in: context)
    }
}
