import JSONLogic
import JSONTree
import Vocabulary

/// Reads a workflow's definition, gathers everything that is wrong with it, and makes the plan.
struct WorkflowParser {
    private let functions: FunctionCatalogue
    private var details: [Problem.Detail] = []
    private var taskIDs: Set<String> = []
    private(set) var calledChannels: [String] = []
    private(set) var usedConnectors: [(connector: String, function: String)] = []
    private var continuesOnError = false
    /// The ceiling of `engine.max_loop_iterations`.
    private let maxLoopIterations: Int

    private static let deepestGroup = 8

    init(functions: FunctionCatalogue, maxLoopIterations: Int = 10_000) {
        self.functions = functions
        self.maxLoopIterations = maxLoopIterations
    }

    mutating func parse(_ body: JSONValue) -> (plan: WorkflowPlan, details: [Problem.Detail]) {
        var reader = InputReader(body, at: "")
        guard body.isObject else {
            reader.report(.init("body", .typeMismatch, "A workflow must be an object.", expected: "object"))
            return (WorkflowPlan(steps: []), reader.details)
        }
        reader.checkNames([
            "workflow_id", "name", "description", "priority", "condition", "tasks", "tags", "continue_on_error", "loop",
        ])
        Self.checkHead(&reader)
        continuesOnError = reader.flag("continue_on_error") ?? false
        let condition = reader.logic("condition")
        if reader.field("tasks") == nil {
            reader.report(.init("tasks", .required, "This field is required."))
        }
        let steps = tasks(&reader, "tasks", depth: 0)
        let loop = reader.field("loop").flatMap { self.loop($0, &reader) }
        return (
            WorkflowPlan(condition: condition.flatMap(Self.unlessTrue), steps: steps, loop: loop),
            reader.details + details
        )
    }

    /// A condition that is always true is none.
    private static func unlessTrue(_ rule: JSONLogicRule) -> JSONLogicRule? {
        rule.constant?.isTrue == true ? nil : rule
    }

    private static func checkHead(_ reader: inout InputReader) {
        if let name = reader.string("name", maxLength: 255) {
            if name.allSatisfy(\.isWhitespace) { reader.report(.init("name", .invalid, "The name must not be empty.")) }
        } else if reader.field("name") == nil {
            reader.report(.init("name", .required, "This field is required."))
        }
        if let id = reader.string("workflow_id"), !isIdentifier(id) {
            reader.report(.init("workflow_id", .invalid, identifierRule, got: id))
        }
        _ = reader.string("description", maxLength: 2048)
        _ = reader.integer("priority", in: -1_000_000...1_000_000)
        guard let tags = reader.field("tags") else { return }
        if !tags.isArray || (0..<tags.count).contains(where: { !tags[$0].isString }) {
            reader.report(.init("tags", .typeMismatch, "Tags must be an array of strings.", expected: "array"))
        }
    }

    static let identifierRule =
        "An id has 1 to 128 letters, digits, dots, dashes and underscores, and begins with a letter or digit."

    static func isIdentifier(_ text: String) -> Bool {
        guard (1...128).contains(text.utf8.count), let first = text.utf8.first else { return false }
        func isAlphanumeric(_ byte: UInt8) -> Bool {
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
        }
        return isAlphanumeric(first)
            && text.utf8.allSatisfy { isAlphanumeric($0) || [45, 46, 95].contains($0) }
    }

    private mutating func tasks(_ reader: inout InputReader, _ field: String, depth: Int) -> [WorkflowPlan.Step] {
        guard let list = reader.field(field) else { return [] }
        guard list.isArray, list.count > 0 else {
            reader.report(
                .init(
                    reader.at(field), list.isArray ? .invalid : .typeMismatch, "This must be a non-empty array.",
                    expected: "array"))
            return []
        }
        var steps: [WorkflowPlan.Step] = []
        for index in 0..<list.count {
            var part = InputReader(list[index], at: reader.at("\(field)[\(index)]"))
            if !list[index].isObject {
                part.report(.init(part.path, .typeMismatch, "A task must be an object.", expected: "object"))
            } else if list[index].member("tasks") != nil {
                group(&part, depth: depth + 1, into: &steps)
            } else if let task = task(&part) {
                steps.append(.task(task))
            }
            reader.absorb(part)
        }
        return steps
    }

    private mutating func group(_ reader: inout InputReader, depth: Int, into steps: inout [WorkflowPlan.Step]) {
        reader.checkNames(["id", "name", "description", "condition", "terminal", "tasks"])
        guard depth <= Self.deepestGroup else {
            reader.report(
                .init(reader.path, .invalid, "Groups may be nested \(Self.deepestGroup) deep at most."))
            return
        }
        identify(&reader)
        let condition = reader.logic("condition").flatMap(Self.unlessTrue)
        let start = steps.count
        if let condition { steps.append(.enterGroup(condition: condition, end: 0)) }
        var inner = tasks(&reader, "tasks", depth: depth)
        if reader.flag("terminal") == true { inner.append(.stop) }
        let shift = steps.count
        steps += inner.map { step in
            if case .enterGroup(let condition, let end) = step {
                .enterGroup(condition: condition, end: end + shift)
            } else {
                step
            }
        }
        if let condition { steps[start] = .enterGroup(condition: condition, end: steps.count) }
    }

    private mutating func identify(_ reader: inout InputReader) {
        guard let id = reader.string("id"), !id.isEmpty else {
            if reader.field("id") == nil || reader.field("id")?.isString == true {
                reader.report(.init(reader.at("id"), .required, "A task needs an id."))
            }
            return
        }
        if !taskIDs.insert(id).inserted {
            reader.report(.init(reader.at("id"), .duplicateTaskID, "Another task has this id.", got: id))
        }
    }

    private mutating func task(_ reader: inout InputReader) -> PlannedTask? {
        reader.checkNames([
            "id", "name", "description", "function", "condition", "continue_on_error", "terminal", "halt_on",
            "for_each",
        ])
        identify(&reader)
        if reader.field("name") == nil { reader.report(.init(reader.at("name"), .required, "This field is required.")) }
        _ = reader.string("name")
        let condition = reader.logic("condition").flatMap(Self.unlessTrue)
        let haltOn = reader.string("halt_on")
        if let haltOn, haltOn != "never", haltOn != "failure" {
            reader.report(
                .init(
                    reader.at("halt_on"), .invalid, "This is none of the words allowed here.",
                    expected: "never, failure", got: haltOn))
        }
        let forEach = reader.field("for_each").flatMap { self.forEach($0, &reader) }
        let (name, function) = self.function(&reader)
        guard let function else { return nil }
        if let call = function as? ChannelCallFunction, let channel = call.staticChannel {
            calledChannels.append(channel)
        }
        let connector = reader.field("function")?.member("input")?.member("connector")?.stringValue
        if let connector { usedConnectors.append((connector, name)) }
        return PlannedTask(
            id: reader.string("id") ?? "", functionName: name, connector: connector, function: function,
            condition: condition,
            continuesOnError: reader.flag("continue_on_error") ?? continuesOnError,
            isTerminal: reader.flag("terminal") ?? false, haltsOnFailure: haltOn == "failure", forEach: forEach)
    }

    private func function(_ reader: inout InputReader) -> (String, (any WorkflowFunction)?) {
        guard let body = reader.field("function") else {
            reader.report(.init(reader.at("function"), .required, "This field is required."))
            return ("", nil)
        }
        var part = InputReader(body, at: reader.at("function"))
        defer { reader.absorb(part) }
        guard body.isObject else {
            part.report(.init(part.path, .typeMismatch, "A function must be an object.", expected: "object"))
            return ("", nil)
        }
        part.checkNames(["name", "input"])
        guard let name = part.string("name"), !name.isEmpty else {
            if part.field("name") == nil || part.field("name")?.isString == true {
                part.report(.init(part.at("name"), .required, "This field is required."))
            }
            return ("", nil)
        }
        guard let type = functions.function(named: name) else {
            let nearest = Spelling.nearest(to: name, among: functions.names)
            part.report(
                .init(
                    part.at("name"), .unknownFunction,
                    "There is no function `\(name)`.\(nearest.map { " Did you mean `\($0)`?" } ?? "")",
                    expected: nearest, got: name))
            return (name, nil)
        }
        guard let input = part.field("input") else {
            part.report(.init(part.at("input"), .required, "This field is required."))
            return (name, nil)
        }
        var inputReader = InputReader(input, at: part.at("input"))
        defer { part.absorb(inputReader) }
        guard input.isObject else {
            inputReader.report(
                .init(inputReader.path, .typeMismatch, "The input must be an object.", expected: "object"))
            return (name, nil)
        }
        inputReader.check(type.description.fields)
        guard inputReader.details.isEmpty else { return (name, nil) }
        return (name, type.init(input: &inputReader))
    }

    private func forEach(_ value: JSONValue, _ reader: inout InputReader) -> PlannedForEach? {
        var part = InputReader(value, at: reader.at("for_each"))
        defer { reader.absorb(part) }
        part.check([
            .init("over", .logic, required: true, ""), .init("as", .string, required: true, ""),
            .init("max_concurrency", .integer, ""), .init("collect", .logic, ""), .init("into", .path, ""),
        ])
        _ = part.integer("max_concurrency", in: 1...1024)
        let name = part.string("as") ?? ""
        let element = part.makePath(name.contains(".") ? name : "temp_data.\(name)", field: "as", roots: ["temp_data"])
        guard let over = part.logic("over"), let element else { return nil }
        return PlannedForEach(over: over, element: element, collect: part.logic("collect"), into: part.path("into"))
    }

    private mutating func loop(_ value: JSONValue, _ reader: inout InputReader) -> PlannedLoop? {
        var part = InputReader(value, at: "loop")
        defer { reader.absorb(part) }
        guard value.isObject else {
            part.report(.init("loop", .typeMismatch, "The loop must be an object.", expected: "object"))
            return nil
        }
        part.checkNames(["max", "counter", "init", "increment", "setup", "over", "as", "scratch"])
        for name in ["max", "counter"] where part.field(name) == nil {
            part.report(.init(part.at(name), .required, "This field is required."))
        }
        let max = part.integer("max", in: 1...maxLoopIterations)
        func temp(_ field: String) -> JSONPath? {
            guard let name = part.string(field) else { return nil }
            return part.makePath(
                name.hasPrefix("temp_data.") ? name : "temp_data.\(name)", field: field, roots: ["temp_data"])
        }
        let counter = temp("counter")
        let element = temp("as")
        let scratch = temp("scratch")
        let setup = part.field("setup") == nil ? [] : tasks(&part, "setup", depth: 0)
        guard let max, let counter else { return nil }
        return PlannedLoop(
            max: max, counter: counter, start: part.integer("init", in: -1_000_000_000...1_000_000_000) ?? 0,
            increment: part.integer("increment", in: 1...1_000_000) ?? 1, setup: setup, over: part.logic("over"),
            element: element, scratch: scratch)
    }
}
