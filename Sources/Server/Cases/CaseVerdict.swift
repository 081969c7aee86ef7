import HTTPAPI
import JSONTree
import Remote
import Workflows

/// Where a call did not do what its case says.
package struct CaseMismatch: Sendable, Equatable {
    /// `status`, `headers`, `reply`, `errors`, `calls`, or `task` and its id.
    package var part: String
    /// The difference: `-` what was expected, `+` what came.
    package var lines: [String]
}

/// Compares what a call did with what its case expects.
struct CaseVerdict {
    private(set) var mismatches: [CaseMismatch] = []
    /// What `expect` would have to say for this call to be right.
    private(set) var accepted: JSONValue
    private let arena: JSONArena

    /// - Parameters:
    ///   - expect: the case's own; nil where it has none yet.
    ///   - arena: what ``accepted`` lives in.
    init(_ outcome: RehearsedCall.Outcome, expect: JSONValue?, in arena: JSONArena) {
        self.arena = arena
        accepted = .null
        guard let expect else {
            accepted = Self.everything(outcome, in: arena)
            mismatches.append(
                CaseMismatch(
                    part: "expect", lines: ["The case expects nothing yet: accept what it does with --update."]))
            return
        }
        let exactly = expect.member("match")?.stringValue == "exact"
        var object = JSONObjectBuilder(capacity: max(1, expect.count), in: arena)
        for index in 0..<expect.count {
            let name = expect.key(at: index).stringValue ?? ""
            let wanted = expect.value(at: index)
            switch name {
            case "tasks": object.append(key: name, judgeTasks(outcome, wanted, exactly))
            case "match": object.append(key: name, wanted)
            default:
                let actual = Self.part(name, of: outcome, in: arena)
                object.append(key: name, judge(name, actual, wanted, exactly))
            }
        }
        accepted = object.finish()
    }

    private mutating func judge(_ part: String, _ actual: JSONValue, _ wanted: JSONValue, _ exactly: Bool) -> JSONValue
    {
        let seen = Expectation.projected(actual, onto: wanted, exactly: exactly, in: arena)
        if seen != wanted {
            mismatches.append(
                CaseMismatch(
                    part: part, lines: LineDifference.lines(from: Self.lines(wanted), to: Self.lines(seen))))
        }
        return seen
    }

    private static func lines(_ value: JSONValue) -> [String] {
        JSONWriter.string(value, pretty: true).split(separator: "\n").map(String.init)
    }

    // MARK: Tasks

    /// A task is expected as a word, its status; as an object, its last run; or as an array, all its runs.
    private mutating func judgeTasks(
        _ outcome: RehearsedCall.Outcome, _ wanted: JSONValue, _ exactly: Bool
    ) -> JSONValue {
        let runs = Self.runs(outcome, in: arena)
        var object = JSONObjectBuilder(capacity: max(1, wanted.count), in: arena)
        for index in 0..<wanted.count {
            let id = wanted.key(at: index).stringValue ?? ""
            var expected = wanted.value(at: index)
            let mine = runs.filter { $0.id == id }.map(\.step)
            var isExact = exactly
            if let match = expected.member("match")?.stringValue {
                isExact = match == "exact"
                expected = Self.without("match", expected, in: arena)
            }
            let actual: JSONValue
            if expected.isArray {
                var all = JSONArrayBuilder(capacity: max(1, mine.count), in: arena)
                for step in mine { all.append(step) }
                actual = all.finish()
            } else if expected.isString {
                actual = mine.last?.member("status") ?? .string("not run")
            } else {
                actual = mine.last ?? .string("not run")
            }
            let known = mismatches.count
            var seen = judge("task \(id)", actual, expected, isExact)
            if mismatches.count > known, expected.member("error") == nil, let why = mine.last?.member("error") {
                let text = "\(why.member("code")?.stringValue ?? ""): \(why.member("message")?.stringValue ?? "")"
                mismatches[known].lines.append("  it failed with \(text)")
            }
            if let match = wanted.value(at: index).member("match"), seen.isObject {
                var kept = JSONObjectBuilder(capacity: seen.count + 1, in: arena)
                kept.append(key: "match", match)
                for place in 0..<seen.count { kept.append(key: seen.key(at: place), seen.value(at: place)) }
                seen = kept.finish()
            }
            object.append(key: id, seen)
        }
        return object.finish()
    }

    private static func without(_ name: String, _ value: JSONValue, in arena: JSONArena) -> JSONValue {
        var object = JSONObjectBuilder(capacity: max(1, value.count), in: arena)
        for index in 0..<value.count where value.key(at: index).stringValue != name {
            object.append(key: value.key(at: index), value.value(at: index))
        }
        return object.finish()
    }

    /// What each task did, without what differs from run to run.
    private static func runs(_ outcome: RehearsedCall.Outcome, in arena: JSONArena) -> [(id: String, step: JSONValue)] {
        guard let steps = try? JSONReader.parse(outcome.steps, in: arena) else { return [] }  // our own writing
        return (0..<steps.count).map { place in
            var step = JSONObjectBuilder(capacity: 3, in: arena)
            for name in ["status", "output", "error"] {
                if let value = steps[place].member(name) { step.append(key: name, value) }
            }
            return (steps[place].member("task_id")?.stringValue ?? "", step.finish())
        }
    }

    // MARK: The other parts

    private static func part(_ name: String, of outcome: RehearsedCall.Outcome, in arena: JSONArena) -> JSONValue {
        switch name {
        case "status": return .int(Int64(outcome.status))
        case "headers":
            var object = JSONObjectBuilder(capacity: max(1, outcome.headers.count), in: arena)
            for (name, value) in outcome.headers { object.append(key: name, .string(value, in: arena)) }
            return object.finish()
        case "reply": return reply(outcome, in: arena)
        default: return errors(outcome.errors, in: arena)
        }
    }

    private static func reply(_ outcome: RehearsedCall.Outcome, in arena: JSONArena) -> JSONValue {
        // A reply that is no JSON is compared as text.
        (try? JSONReader.parse(outcome.body, in: arena))
            ?? .string(String(decoding: outcome.body, as: UTF8.self), in: arena)
    }

    private static func errors(_ errors: [RunError], in arena: JSONArena) -> JSONValue {
        var list = JSONArrayBuilder(capacity: max(1, errors.count), in: arena)
        for error in errors {
            var object = JSONObjectBuilder(capacity: 3, in: arena)
            if let task = error.taskID { object.append(key: "task_id", .string(task, in: arena)) }
            object.append(key: "code", .string(error.code, in: arena))
            object.append(key: "message", .string(error.message, in: arena))
            list.append(object.finish())
        }
        return list.finish()
    }

    /// What a new case is filled with: all that can be expected, but for what the envelope always has.
    private static func everything(_ outcome: RehearsedCall.Outcome, in arena: JSONArena) -> JSONValue {
        var object = JSONObjectBuilder(capacity: 4, in: arena)
        object.append(key: "status", .int(Int64(outcome.status)))
        let reply = reply(outcome, in: arena)
        if let data = reply.member("data"), reply.member("errors") != nil {
            var inner = JSONObjectBuilder(capacity: 1, in: arena)
            inner.append(key: "data", data)
            object.append(key: "reply", inner.finish())
        } else {
            object.append(key: "reply", reply)
        }
        if !outcome.errors.isEmpty { object.append(key: "errors", errors(outcome.errors, in: arena)) }
        let runs = runs(outcome, in: arena)
        var tasks = JSONObjectBuilder(capacity: max(1, runs.count), in: arena)
        var seen: Set<String> = []
        for (id, step) in runs where seen.insert(id).inserted {
            let mine = runs.filter { $0.id == id }.map(\.step)
            if mine.count > 1 {
                var all = JSONArrayBuilder(capacity: mine.count, in: arena)
                for each in mine { all.append(each) }
                tasks.append(key: id, all.finish())
            } else {
                tasks.append(key: id, step.count == 1 ? step.member("status") ?? .null : step)
            }
        }
        object.append(key: "tasks", tasks.finish())
        return object.finish()
    }
}
