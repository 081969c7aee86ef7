import JSONLogic
import JSONTree
import Mustache

/// `template`: fills in a Mustache template.
final class TemplateFunction: WorkflowFunction {
    static let description = FunctionDescription(
        name: "template", category: .data, retrySafety: .pure,
        summary: "Fills in a Mustache template with data, or with the result of an expression.",
        fields: [
            .init(
                "template", .string, required: true,
                "the template; {{name}}, {{#list}}…{{/list}}, {{^empty}}…{{/empty}}"),
            .init("data", .logic, "what it is filled in with; the whole of data where left out"),
            .init("escape", .string, default: "\"none\"", choices: ["none", "html"], "what {{name}} escapes"),
            .init("output", .path, default: "\"data.text\"", "where to write the text"),
        ])

    private let template: MustacheTemplate?
    private let data: JSONLogicRule?
    private let output: JSONPath?

    init(input: inout InputReader) {
        data = input.logic("data", templating: true)
        output = input.path("output") ?? (try? JSONPath("data.text"))  // this is a path
        let text = input.string("template") ?? ""
        let kind = input.string("escape") == "html" ? "HTML" : "TEXT"
        do {
            template = try MustacheTemplate(string: "{{% CONTENT_TYPE:\(kind)}}" + text)
        } catch {
            template = nil
            input.report(.init(input.at("template"), .invalid, "The template is malformed."))
        }
    }

    func run(_ context: RunContext) -> TaskResult {
        guard let template, let output else { return .failed(TaskFailure("FUNCTION_ERROR", "There is no template.")) }
        do throws(JSONLogicError) {
            let value = try data.map { rule throws(JSONLogicError) in try context.evaluate(rule) }
            let filled = template.render(Self.plain(value ?? context.document.root.member("data") ?? .null))
            return context.set(output, to: .string(filled, in: context.arena))
                ? .status(200) : .failed(TaskFailure("FUNCTION_ERROR", "Nothing can be written at `\(output.text)`."))
        } catch {
            return .failed(TaskFailure("LOGIC_ERROR", "The data failed: \(error.type)"))
        }
    }

    /// A value as the library wants it.
    private static func plain(_ value: JSONValue) -> Any {
        if value.isObject {
            var members: [String: Any] = [:]
            for index in 0..<value.count {
                // What is null is as good as not there: its section is empty.
                guard !value.value(at: index).isNull else { continue }
                members[value.key(at: index).stringValue ?? ""] = plain(value.value(at: index))
            }
            return ObjectInTemplate(members: members, description: JSONWriter.string(value))
        }
        if value.isArray {
            return ListInTemplate(
                elements: (0..<value.count).map { plain(value[$0]) }, description: JSONWriter.string(value))
        }
        if let text = value.stringValue { return text }
        if let flag = value.boolValue { return flag }
        if let whole = value.intValue { return whole }
        return value.isNull ? "" : JSONWriter.string(value)
    }
}

/// Printed as JSON where a template asks for all of it.
private struct ObjectInTemplate: MustacheParent, CustomStringConvertible {
    var members: [String: Any]
    var description: String

    func child(named name: String) -> Any? { members[name] }
}

private struct ListInTemplate: MustacheSequence, CustomStringConvertible {
    var elements: [Any]
    var description: String

    func makeIterator() -> IndexingIterator<[Any]> { elements.makeIterator() }
}
