import JSONLogic
import JSONTree
import Patterns
import Vocabulary

/// `regex`: asks, takes apart and changes text by a regular expression.
final class RegexFunction: WorkflowFunction {
    static let description = FunctionDescription(
        name: "regex", category: .compute, retrySafety: .pure,
        summary: "Matches, captures, replaces or splits text by a regular expression (RE2 syntax: linear time).",
        fields: [
            .init("op", .string, required: true, choices: ["match", "capture", "replace", "split"], "what to do"),
            .init("pattern", .logic, required: true, "the pattern, or an expression for it; at most 1000 bytes"),
            .init("text", .logic, required: true, "the text; anything else as JSON, nothing as empty"),
            .init("flags", .string, "of i (either case), m (^ and $ at lines), s (. takes line ends too)"),
            .init("replacement", .logic, "for replace; $1, ${name} and $0 stand for groups, $$ for a dollar"),
            .init("all", .boolean, "every match, not the first alone; replace: true, capture: false"),
            .init("output", .path, default: "\"data.regex\"", "where to write the result"),
        ])

    private enum Operation: String, Sendable { case match, capture, replace, split }

    private let operation: Operation?
    private let constant: Pattern?
    private let pattern: JSONLogicRule?
    private let text: JSONLogicRule?
    private let flags: String
    private let replacement: JSONLogicRule?
    private let takesAll: Bool
    private let output: JSONPath?

    private static let mostMatches = 10_000
    private static let mostBytes = 16 << 20
    /// Nanoseconds for one task: each match is linear in the text, but there may be many.
    private static let mostTime: UInt64 = 1_000_000_000

    init(input: inout InputReader) {
        operation = input.string("op").flatMap(Operation.init(rawValue:))
        pattern = input.logic("pattern")
        text = input.logic("text")
        flags = input.string("flags", maxLength: 3) ?? ""
        replacement = input.logic("replacement")
        takesAll = input.flag("all") ?? (operation == .replace)
        output = input.path("output") ?? (try? JSONPath("data.regex"))  // this is a path
        if !flags.allSatisfy({ "ims".contains($0) }) {
            input.report(.init(input.at("flags"), .invalid, "There are the flags i, m and s.", got: flags))
        }
        if operation == .replace, input.field("replacement") == nil {
            input.report(.init(input.at("replacement"), .required, "This field is required for this op."))
        }
        guard let known = pattern?.constant, flags.allSatisfy({ "ims".contains($0) }) else {
            constant = nil
            return
        }
        do throws(Pattern.Malformed) {
            guard let text = known.stringValue else { throw Pattern.Malformed(message: "The pattern is no string.") }
            constant = try Pattern(text, flags: flags)
        } catch {
            constant = nil
            input.report(.init(input.at("pattern"), .invalid, error.message, got: known.stringValue))
        }
    }

    func run(_ context: RunContext) -> TaskResult {
        guard let output, let text, let pattern else {
            return .failed(TaskFailure("FUNCTION_ERROR", "There is no pattern."))
        }
        do {
            let given = try context.evaluate(text)
            let whole = given.utf8.map { JSONValue.string(unowned: $0) } ?? plain(given, in: context.arena)
            let compiled = try constant ?? Pattern(context.evaluate(pattern).stringValue ?? "", flags: flags)
            let filled = try replacement.map { try context.evaluate($0).stringValue ?? "" } ?? ""
            let result = try compute(compiled, whole.utf8 ?? .init(start: nil, count: 0), filled, context)
            return context.set(output, to: result)
                ? .status(200) : .failed(TaskFailure("FUNCTION_ERROR", "Nothing can be written at `\(output.text)`."))
        } catch let error as JSONLogicError {
            return .failed(TaskFailure("LOGIC_ERROR", "The input failed: \(error.type)"))
        } catch let error as Pattern.Malformed {
            return .failed(TaskFailure("FUNCTION_ERROR", error.message))
        } catch {
            return .failed(TaskFailure("FUNCTION_ERROR", "There are too many matches, or they are too large."))
        }
    }

    private struct TooMuch: Error {}

    private func plain(_ value: JSONValue, in arena: JSONArena) -> JSONValue {
        value.isNull ? .emptyString : .string(JSONWriter.string(value), in: arena)
    }

    private func compute(
        _ pattern: Pattern, _ text: UnsafeRawBufferPointer, _ filled: String, _ context: RunContext
    ) throws -> JSONValue {
        switch operation {
        case .match, nil: return .bool(pattern.search(text) != nil)
        case .capture:
            guard takesAll else {
                return pattern.search(text).map { shown($0, pattern, text, context.arena) } ?? .null
            }
            var found = JSONArrayBuilder(in: context.arena)
            for match in try matches(pattern, text, context) {
                found.append(shown(match, pattern, text, context.arena))
            }
            return found.finish()
        case .replace: return try replaced(pattern, text, ReplacementTemplate(filled, pattern), context)
        case .split:
            var parts = JSONArrayBuilder(in: context.arena)
            var place = 0
            for match in try matches(pattern, text, context) {
                parts.append(part(place..<match.whole.lowerBound, text, context.arena))
                place = match.whole.upperBound
            }
            parts.append(part(place..<text.count, text, context.arena))
            return parts.finish()
        }
    }

    private func matches(
        _ pattern: Pattern, _ text: UnsafeRawBufferPointer, _ context: RunContext
    ) throws -> [Pattern.Match] {
        var found: [Pattern.Match] = []
        var isTooMuch = false
        let deadline = context.budget.deadline
        let end = min(Stopwatch.nanoseconds() + Self.mostTime, deadline == 0 ? .max : deadline)
        pattern.forEachMatch(in: text) { match in
            isTooMuch = found.count >= Self.mostMatches || Stopwatch.nanoseconds() > end
            found.append(match)
            return !isTooMuch && (takesAll || operation == .split)
        }
        guard !isTooMuch else { throw TooMuch() }
        return found
    }

    private func part(_ range: Range<Int>, _ text: UnsafeRawBufferPointer, _ arena: JSONArena) -> JSONValue {
        .string(copying: UnsafeRawBufferPointer(rebasing: text[range]), in: arena)
    }

    /// `{"match", "groups", "named"?}`; groups that took no part are null.
    private func shown(
        _ match: Pattern.Match, _ pattern: Pattern, _ text: UnsafeRawBufferPointer, _ arena: JSONArena
    ) -> JSONValue {
        func value(_ range: Range<Int>?) -> JSONValue { range.map { part($0, text, arena) } ?? .null }
        var object = JSONObjectBuilder(capacity: 3, in: arena)
        object.append(key: "match", value(match.whole))
        var groups = JSONArrayBuilder(capacity: match.groups.count, in: arena)
        for group in match.groups { groups.append(value(group)) }
        object.append(key: "groups", groups.finish())
        if !pattern.names.isEmpty {
            var named = JSONObjectBuilder(capacity: pattern.names.count, in: arena)
            for (group, name) in pattern.names.sorted(by: { $0.key < $1.key }) {
                named.append(key: name, value(match.groups[group - 1]))
            }
            object.append(key: "named", named.finish())
        }
        return object.finish()
    }

    private func replaced(
        _ pattern: Pattern, _ text: UnsafeRawBufferPointer, _ template: ReplacementTemplate, _ context: RunContext
    ) throws -> JSONValue {
        var result: [UInt8] = []
        var place = 0
        for match in try matches(pattern, text, context) {
            result += text[place..<match.whole.lowerBound]
            template.fill(match, text, into: &result)
            place = match.whole.upperBound
            guard result.count <= Self.mostBytes else { throw TooMuch() }
        }
        result += text[place...]
        return result.withUnsafeBytes { .string(copying: $0, in: context.arena) }
    }
}

/// `$1`, `${name}`, `$0` and `$$` in what is put in the place of a match. Groups there are none of stand for nothing.
private struct ReplacementTemplate {
    private enum Piece {
        case text([UInt8])
        case group(Int)
    }

    private var pieces: [Piece] = []

    init(_ text: String, _ pattern: Pattern) {
        var rest = Substring(text)
        while let dollar = rest.firstIndex(of: "$") {
            pieces.append(.text(Array(rest[..<dollar].utf8)))
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "$" {
                pieces.append(.text([UInt8(ascii: "$")]))
                rest.removeFirst()
            } else if rest.first == "{", let close = rest.firstIndex(of: "}") {
                let name = rest[..<close].dropFirst()
                let group = Int(name) ?? pattern.names.first { $0.value == name }?.key
                if let group { pieces.append(.group(group)) }
                rest = rest[rest.index(after: close)...]
            } else {
                let digits = rest.utf8.prefix(2).prefix { (48...57).contains($0) }
                guard let group = Int(Substring(digits)) else {
                    pieces.append(.text([UInt8(ascii: "$")]))
                    continue
                }
                pieces.append(.group(group))
                rest = rest.dropFirst(digits.count)
            }
        }
        pieces.append(.text(Array(rest.utf8)))
    }

    func fill(_ match: Pattern.Match, _ text: UnsafeRawBufferPointer, into result: inout [UInt8]) {
        for piece in pieces {
            switch piece {
            case .text(let bytes): result += bytes
            case .group(0): result += text[match.whole]
            case .group(let group):
                if (1...max(1, match.groups.count)).contains(group), group <= match.groups.count,
                    let range = match.groups[group - 1]
                {
                    result += text[range]
                }
            }
        }
    }
}
