import JSONTree
import XMLCoding

/// `publish_xml`: writes a part of `data` as XML text, for systems that want it.
final class PublishXMLFunction: WorkflowFunction {
    static let description = FunctionDescription(
        name: "publish_xml", category: .data, retrySafety: .pure,
        summary: "Writes a field of data as XML text to another; @name becomes an attribute, $text the element's text.",
        fields: [
            .init("source", .string, required: true, "the field of data to write out"),
            .init("target", .string, required: true, "the field of data that gets the text"),
            .init("root_element", .string, default: "\"root\"", "the name of the outermost element"),
            .init(
                "arrays", .string, default: "\"item\"", choices: XMLWriter.Arrays.allCases.map(\.rawValue),
                "item: elements called item inside one; repeat: the element itself again for each, as parse_xml reads it"
            ),
        ])

    private let source: JSONPath?
    private let target: JSONPath?
    private let root: String
    private let arrays: XMLWriter.Arrays

    init(input: inout InputReader) {
        source = input.string("source").flatMap { input.makePath("data." + $0, field: "source", roots: ["data"]) }
        target = input.string("target").flatMap { input.makePath("data." + $0, field: "target", roots: ["data"]) }
        root = input.string("root_element", maxLength: 128) ?? "root"
        arrays = input.string("arrays").flatMap(XMLWriter.Arrays.init(rawValue:)) ?? .item
    }

    func run(_ context: RunContext) -> TaskResult {
        guard let source, let target else { return .failed(TaskFailure("FUNCTION_ERROR", "There is no path.")) }
        guard let value = source.read(from: context.document.root), !value.isNull else {
            return .failed(TaskFailure("FUNCTION_ERROR", "There is nothing at `\(source.text)`."))
        }
        let written: JSONValue
        do throws(XMLWriter.Limit) {
            let bytes = try XMLWriter.text(value, root: root, arrays: arrays)
            written = bytes.withUnsafeBytes { .string(copying: $0, in: context.arena) }
        } catch {
            return .failed(TaskFailure("FUNCTION_ERROR", error.message))
        }
        return context.set(target, to: written)
            ? .status(200) : .failed(TaskFailure("FUNCTION_ERROR", "Nothing can be written at `\(target.text)`."))
    }
}
