import JSONTree
import Vocabulary

/// What a value must be like. Partial: members that are not named do not matter, and everything else does; arrays have as
/// many elements as they are said to have. `{"$match": KIND}` stands for any value of a kind.
enum Expectation {
    static let matchers = [
        "any", "string", "number", "integer", "boolean", "array", "object", "uuid", "timestamp",
    ]

    /// As much of `actual` as `expected` speaks of, in its order: equal to `expected` where it is met, and what it should
    /// have said where not.
    static func projected(
        _ actual: JSONValue, onto expected: JSONValue, exactly: Bool, in arena: JSONArena
    ) -> JSONValue {
        if let kind = matcher(expected) { return fits(actual, kind) ? expected : actual }
        if actual.isObject, expected.isObject {
            var object = JSONObjectBuilder(capacity: max(1, expected.count), in: arena)
            for index in 0..<expected.count {
                let key = expected.key(at: index)
                guard let value = actual.member(key) else { continue }
                object.append(
                    key: key, projected(value, onto: expected.value(at: index), exactly: exactly, in: arena))
            }
            if exactly {
                for index in 0..<actual.count where expected.member(actual.key(at: index)) == nil {
                    object.append(key: actual.key(at: index), actual.value(at: index))
                }
            }
            return object.finish()
        }
        if actual.isArray, expected.isArray {
            var array = JSONArrayBuilder(capacity: max(1, actual.count), in: arena)
            for index in 0..<actual.count {
                array.append(
                    index < expected.count
                        ? projected(actual[index], onto: expected[index], exactly: exactly, in: arena) : actual[index])
            }
            return array.finish()
        }
        // 1 and 1.0 are the same number: shown as it was written.
        return actual == expected ? expected : actual
    }

    private static func matcher(_ expected: JSONValue) -> String? {
        expected.isObject && expected.count == 1 ? expected.member("$match")?.stringValue : nil
    }

    private static func fits(_ value: JSONValue, _ kind: String) -> Bool {
        switch kind {
        case "any": true
        case "string": value.isString
        case "number": value.isNumber
        case "integer": value.kind == .int || value.kind == .bigInteger
        case "boolean": value.kind == .bool
        case "array": value.isArray
        case "object": value.isObject
        case "uuid": value.stringValue.flatMap { Identifier($0) } != nil
        case "timestamp": value.stringValue.flatMap(Timestamp.init(rfc3339:)) != nil
        default: false
        }
    }

    static func unknownMatchers(in value: JSONValue, at path: String) -> [(path: String, kind: String)] {
        if let kind = matcher(value) { return matchers.contains(kind) ? [] : [(path, kind)] }
        if value.isArray {
            return (0..<value.count).flatMap { unknownMatchers(in: value[$0], at: "\(path)[\($0)]") }
        }
        guard value.isObject else { return [] }
        return (0..<value.count).flatMap { index in
            unknownMatchers(
                in: value.value(at: index), at: "\(path).\(value.key(at: index).stringValue ?? "")")
        }
    }
}
