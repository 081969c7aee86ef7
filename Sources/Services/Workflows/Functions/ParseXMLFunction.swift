import JSONTree
import XMLCoding

/// `parse_xml`: reads XML text of the payload, or of a part of the message, into `data`.
final class ParseXMLFunction: WorkflowFunction {
    static let description = FunctionDescription(
        name: "parse_xml", category: .data, retrySafety: .pure,
        summary:
            "Reads XML to data.<target>: attributes as @name, text as $text, several elements of one name as an array; the outermost element has no name of its own.",
        fields: [
            .init("source", .path, default: "\"payload\"", "payload, payload.a.b, data.x, metadata.x or temp_data.x"),
            .init("target", .string, required: true, "where in data to write it"),
        ])

    private let source: MessageSource

    init(input: inout InputReader) { source = MessageSource(input: &input) }

    func run(_ context: RunContext) -> TaskResult {
        guard let text = source.value(in: context).utf8 else {
            return source.unreadable("The source is no string.")
        }
        do throws(XMLSyntaxError) {
            return source.write(try XMLReader.parse(text, in: context.arena), in: context)
        } catch {
            return source.unreadable("The source is not XML: \(error.message)")
        }
    }
}
