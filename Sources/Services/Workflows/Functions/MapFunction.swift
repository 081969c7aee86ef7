import JSONLogic
import JSONTree

/// `map`: writes computed values to paths, in order; each mapping sees what those before it wrote.
final class MapFunction: WorkflowFunction {
    static let description = FunctionDescription(
        name: "map", category: .data, retrySafety: .pure,
        summary: "Writes the results of JSONLogic expressions to paths in data, metadata or temp_data, in order.",
        fields: [
            .init("mappings", .array, required: true, "objects with path and logic; mode, unset and on_null if wanted"),
            .init(
                "templating", .boolean, default: "false",
                "take objects that are no operation for literal objects with expressions inside"),
        ])

    private struct Mapping: Sendable {
        enum Mode: String, Sendable, CaseIterable { case set, append, extend }
        enum OnNull: String, Sendable, CaseIterable { case skip, write, unset }

        var path: JSONPath
        var logic: JSONLogicRule?
        var mode: Mode
        var onNull: OnNull
        /// A root (`data`): objects are merged into it, it is never replaced.
        var isRoot: Bool
    }

    private let mappings: [Mapping]

    init(input: inout InputReader) {
        let templating = input.flag("templating") ?? false
        var mappings: [Mapping] = []
        if let list = input.field("mappings"), list.isArray {
            for index in 0..<list.count {
                var reader = InputReader(list[index], at: input.at("mappings[\(index)]"))
                if let mapping = Self.read(&reader, templating: templating) { mappings.append(mapping) }
                input.absorb(reader)
            }
        }
        self.mappings = mappings
    }

    private static func read(_ reader: inout InputReader, templating: Bool) -> Mapping? {
        guard reader.value.isObject else {
            reader.report(.init(reader.path, .typeMismatch, "A mapping must be an object.", expected: "object"))
            return nil
        }
        reader.checkNames(["path", "logic", "mode", "unset", "on_null", "templating"])
        let unsets = reader.flag("unset") ?? false
        let mode = word(&reader, "mode", Mapping.Mode.allCases, .set)
        let onNull = word(&reader, "on_null", Mapping.OnNull.allCases, .skip)
        let logic = reader.logic("logic", templating: reader.flag("templating") ?? templating)
        if reader.field("path") == nil { reader.report(.init(reader.at("path"), .required, "This field is required.")) }
        if reader.value.member("logic") == nil, !unsets {
            reader.report(.init(reader.at("logic"), .required, "This field is required."))
        }
        guard let path = reader.path("path"), logic != nil || unsets else { return nil }
        return Mapping(
            path: path, logic: unsets ? nil : logic, mode: mode, onNull: onNull, isRoot: path.segments.count == 1)
    }

    private static func word<Word: RawRepresentable<String>>(
        _ reader: inout InputReader, _ name: String, _ words: [Word], _ usual: Word
    ) -> Word {
        guard let text = reader.string(name) else { return usual }
        if let word = Word(rawValue: text) { return word }
        reader.report(
            .init(
                reader.at(name), .invalid, "This is none of the words allowed here.",
                expected: words.map(\.rawValue).joined(separator: ", "), got: text))
        return usual
    }

    func run(_ context: RunContext) -> TaskResult {
        var failure: TaskFailure?
        for mapping in mappings {
            guard let logic = mapping.logic else {
                context.document.remove(mapping.path)
                continue
            }
            do throws(JSONLogicError) {
                let value = try context.evaluate(logic)
                if !write(value, mapping, context), failure == nil {
                    failure = TaskFailure("FUNCTION_ERROR", "Nothing can be written at `\(mapping.path.text)`.")
                }
            } catch {
                if error.type == "Timeout" { return .failed(TaskFailure("TIMEOUT_ERROR", "The time was up.")) }
                if failure == nil {
                    failure = TaskFailure("LOGIC_ERROR", "The mapping to `\(mapping.path.text)` failed: \(error.type)")
                }
            }
        }
        return failure.map { .failed($0) } ?? .status(200)
    }

    private func write(_ value: JSONValue, _ mapping: Mapping, _ context: RunContext) -> Bool {
        if value.isNull {
            switch mapping.onNull {
            case .skip: return true
            case .unset:
                context.document.remove(mapping.path)
                return true
            case .write: break
            }
        }
        switch mapping.mode {
        case .set: return mapping.isRoot ? merge(value, mapping, context) : context.set(mapping.path, to: value)
        case .append: return add([value], mapping, context)
        case .extend: return add(value.isArray ? (0..<value.count).map { value[$0] } : [value], mapping, context)
        }
    }

    private func merge(_ value: JSONValue, _ mapping: Mapping, _ context: RunContext) -> Bool {
        guard value.isObject else { return false }
        for index in 0..<value.count {
            let name = value.key(at: index).stringValue ?? ""
            guard context.set(mapping.path.appending(key: name), to: value.value(at: index)) else { return false }
        }
        return true
    }

    private func add(_ values: [JSONValue], _ mapping: Mapping, _ context: RunContext) -> Bool {
        var count = 0
        if let known = mapping.path.read(from: context.document.root), !known.isNull {
            guard known.isArray else { return false }
            count = known.count
        } else if !context.document.set(mapping.path, to: JSONArrayBuilder(in: context.arena).finish()) {
            return false
        }
        for (place, value) in values.enumerated() {
            guard let path = try? JSONPath("\(mapping.path.text).\(count + place)"), context.set(path, to: value) else {
                return false  // more elements than a path can name
            }
        }
        return true
    }
}
