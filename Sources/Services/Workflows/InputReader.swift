package import JSONLogic
package import JSONTree
package import Vocabulary

/// Reads the fields of a definition and gathers everything that is wrong with them.
package struct InputReader {
    package let value: JSONValue
    package let path: String
    package private(set) var details: [Problem.Detail] = []

    package init(_ value: JSONValue, at path: String) {
        self.value = value
        self.path = path
    }

    package mutating func report(_ detail: Problem.Detail) { details.append(detail) }

    package func at(_ field: String) -> String { path.isEmpty ? field : "\(path).\(field)" }

    private mutating func mismatch(_ field: String, expected: String, got: JSONValue) {
        report(
            .init(
                at(field), .typeMismatch, "This must be \(expected).", expected: expected, got: "\(got.kind)"))
    }

    package func field(_ name: String) -> JSONValue? {
        value.member(name).flatMap { $0.isNull ? nil : $0 }
    }

    /// Unknown fields, missing ones and wrong types, by the function's description.
    package mutating func check(_ fields: [FunctionDescription.Field]) {
        checkNames(fields.map(\.name))
        for known in fields {
            guard let given = field(known.name) else {
                if known.isRequired { report(.init(at(known.name), .required, "This field is required.")) }
                continue
            }
            let fits =
                switch known.type {
                case .string, .path: given.isString
                case .boolean: given.kind == .bool
                case .integer: given.intValue != nil
                case .object: given.isObject
                case .array: given.isArray
                case .logic, .any: true
                }
            if !fits { mismatch(known.name, expected: known.type.rawValue, got: given) }
            if !known.choices.isEmpty, let text = given.stringValue, !known.choices.contains(text) {
                report(
                    .init(
                        at(known.name), .invalid, "This is none of the words allowed here.",
                        expected: known.choices.joined(separator: ", "), got: text))
            }
        }
    }

    package mutating func checkNames(_ names: [String]) {
        for index in 0..<value.count where value.isObject {
            let name = value.key(at: index).stringValue ?? ""
            guard !names.contains(name) else { continue }
            let nearest = Spelling.nearest(to: name, among: names).map { " Did you mean `\($0)`?" } ?? ""
            report(.init(at(name), .unknownField, "There is no field `\(name)` here.\(nearest)", got: name))
        }
    }

    package mutating func string(_ name: String, maxLength: Int = 65_536) -> String? {
        guard let given = field(name) else { return nil }
        guard let text = given.stringValue else {
            mismatch(name, expected: "a string", got: given)
            return nil
        }
        if text.utf8.count > maxLength {
            report(.init(at(name), .tooLong, "This may have at most \(maxLength) bytes."))
        }
        return text
    }

    package mutating func flag(_ name: String) -> Bool? {
        guard let given = field(name) else { return nil }
        if given.boolValue == nil { mismatch(name, expected: "true or false", got: given) }
        return given.boolValue
    }

    package mutating func integer(_ name: String, in range: ClosedRange<Int>) -> Int? {
        guard let given = field(name) else { return nil }
        guard let whole = given.intValue else {
            mismatch(name, expected: "a whole number", got: given)
            return nil
        }
        guard range.contains(Int(whole)) else {
            report(
                .init(
                    at(name), .invalid, "This is out of range.",
                    expected: "\(range.lowerBound) to \(range.upperBound)", got: "\(whole)"))
            return nil
        }
        return Int(whole)
    }

    package mutating func path(_ name: String, roots: [String] = ["data", "metadata", "temp_data"]) -> JSONPath? {
        guard let text = string(name) else { return nil }
        return makePath(text, field: name, roots: roots)
    }

    package mutating func makePath(_ text: String, field: String, roots: [String]) -> JSONPath? {
        do throws(JSONPath.Malformed) {
            let path = try JSONPath(text)
            let root = text.prefix { $0 != "." }
            guard roots.isEmpty || roots.contains(String(root)) else {
                report(
                    .init(
                        at(field), .invalid, "The path must begin with \(roots.joined(separator: ", ")).", got: text))
                return nil
            }
            return path
        } catch {
            report(.init(at(field), .invalid, error.message))
            return nil
        }
    }

    package mutating func logic(_ name: String, templating: Bool = false) -> JSONLogicRule? {
        guard let rule = value.member(name) else { return nil }
        return compile(rule, field: name, templating: templating)
    }

    package mutating func compile(_ rule: JSONValue, field: String, templating: Bool = false) -> JSONLogicRule? {
        do throws(JSONLogicCompileError) {
            return try JSONLogicRule.compile(rule, templating: templating)
        } catch {
            let code: Problem.Detail.Code = error.reason == .unknownOperator ? .unknownOperator : .invalid
            let inside = error.path.isEmpty ? "" : " (at \(error.path))"
            report(.init(at(field), code, error.message + inside))
            return nil
        }
    }

    /// Takes over what a reader of a part has found.
    package mutating func absorb(_ other: InputReader) { details += other.details }
}
