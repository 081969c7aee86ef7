import JSONTree
import Vocabulary

/// Turns a rule into nodes.
struct LogicCompiler {
    let templating: Bool
    let strictness: JSONLogicRule.Strictness
    private(set) var blocks: [UnsafeMutablePointer<LogicNode>] = []
    private(set) var paths: [UnsafeMutablePointer<LogicSegment>] = []
    /// Holds what is made while compiling.
    let literals = JSONArena()

    init(templating: Bool, strictness: JSONLogicRule.Strictness) {
        self.templating = templating
        self.strictness = strictness
    }

    func freeAll() {
        for block in blocks { block.deallocate() }
        for path in paths { path.deallocate() }
    }

    mutating func compile(_ rule: JSONValue, at path: String) throws(JSONLogicCompileError) -> LogicNode {
        if rule.isArray { return try list(rule, at: path) }
        guard rule.isObject, rule.count > 0 else { return LogicNode(code: .literal, value: rule) }
        if rule.count == 1, let name = rule.key(at: 0).stringValue {
            if let known = LogicOperator.byName[name] {
                return try operation(known, rule.value(at: 0), at: Self.join(path, name))
            }
            if !templating { return try unknown(name, at: path) }
        }
        guard templating else { return try unknown(rule.key(at: 0).stringValue ?? "", at: path, several: true) }
        return try object(rule, at: path)
    }

    private static func join(_ path: String, _ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    private func unknown(
        _ name: String, at path: String, several: Bool = false
    ) throws(JSONLogicCompileError) -> LogicNode {
        guard strictness == .strict else { return LogicNode(code: .fails(.unknownOperator)) }
        var message = "There is no operator `\(name)`."
        if several {
            message = "An object with several members is no operation; literal objects need templating."
        } else if let nearest = Spelling.nearest(to: name, among: JSONLogicRule.operatorNames) {
            message += " Did you mean `\(nearest)`?"
        }
        throw JSONLogicCompileError(reason: .unknownOperator, path: path, message: message)
    }

    private mutating func list(_ rule: JSONValue, at path: String) throws(JSONLogicCompileError) -> LogicNode {
        let node = try node(.list, children: elements(rule), at: path)
        guard isConstant(node) else { return node }
        return LogicNode(code: .literal, value: rule)
    }

    private func elements(_ array: JSONValue) -> [JSONValue] { (0..<array.count).map { array[$0] } }

    private func isConstant(_ node: LogicNode) -> Bool {
        guard let children = node.children else { return true }
        return (0..<node.count).allSatisfy { if case .literal = children[$0].code { true } else { false } }
    }

    private mutating func object(_ rule: JSONValue, at path: String) throws(JSONLogicCompileError) -> LogicNode {
        var children: [JSONValue] = []
        for index in 0..<rule.count { children.append(rule.value(at: index)) }
        var node = try node(.object, children: children, at: path)
        node.value = rule
        return isConstant(node) ? LogicNode(code: .literal, value: rule) : node
    }

    private mutating func node(
        _ code: LogicNode.Code, children: [JSONValue], at path: String
    ) throws(JSONLogicCompileError) -> LogicNode {
        var node = LogicNode(code: code)
        node.count = children.count
        guard !children.isEmpty else { return node }
        let block = UnsafeMutablePointer<LogicNode>.allocate(capacity: children.count)
        blocks.append(block)
        for (place, child) in children.enumerated() {
            let compiled = try compile(child, at: "\(path)[\(place)]")
            (block + place).initialize(to: compiled)
        }
        node.children = block
        return node
    }

    private mutating func operation(
        _ name: LogicOperator, _ argument: JSONValue, at path: String
    ) throws(JSONLogicCompileError) -> LogicNode {
        if name == .preserve { return LogicNode(code: .literal, value: argument) }
        let isList = argument.isArray
        let arguments = isList ? elements(argument) : [argument]
        if name.needsList && !isList && !isOperation(argument) {
            return try wrongArity(name, given: 1, at: path)
        }
        if isList || !isOperation(argument), !name.arity.contains(arguments.count) {
            return try wrongArity(name, given: arguments.count, at: path)
        }
        if name == .var, let variable = variable(arguments) { return variable }
        var node = try node(.operation(name), children: arguments, at: path)
        node.isList = isList
        node.spreads = !isList && isOperation(argument)
        node.shape = Self.shape(name, node)
        return node
    }

    private func isOperation(_ value: JSONValue) -> Bool {
        guard value.isObject, value.count > 0 else { return false }
        return !templating || value.count == 1 && LogicOperator.byName[value.key(at: 0).stringValue ?? ""] != nil
    }

    private func wrongArity(
        _ name: LogicOperator, given: Int, at path: String
    ) throws(JSONLogicCompileError) -> LogicNode {
        guard strictness == .strict else { return LogicNode(code: .fails(.invalidArguments)) }
        let arity = name.arity
        let wanted =
            arity.upperBound == .max
            ? "at least \(max(arity.lowerBound, name.needsList ? 1 : 0))"
            : arity.lowerBound == arity.upperBound
                ? "\(arity.lowerBound)" : "\(arity.lowerBound) to \(arity.upperBound)"
        throw JSONLogicCompileError(
            reason: .arity, path: path,
            message: "`\(name.rawValue)` takes \(wanted) arguments in a list, and has \(given).")
    }

    private static func shape(_ name: LogicOperator, _ node: LogicNode) -> LogicNode.Shape {
        guard node.count == 2, let children = node.children, case .variable = children[0].code else { return .general }
        switch (name, children[1].code) {
        case (.less, .literal), (.lessOrEqual, .literal), (.greater, .literal), (.greaterOrEqual, .literal),
            (.equals, .literal), (.strictEquals, .literal), (.notEquals, .literal), (.strictNotEquals, .literal):
            return children[1].value.isNumber && children[0].count > 0 ? .pathAgainstNumber : .general
        case (.plus, .variable), (.times, .variable):
            let scopes = (children[0].segments?.pointee.scope, children[1].segments?.pointee.scope)
            if scopes == (.accumulator, .current), children[0].count == 1 { return .accumulation(pathIsFirst: false) }
            if scopes == (.current, .accumulator), children[1].count == 1 { return .accumulation(pathIsFirst: true) }
            return .general
        default: return .general
        }
    }

    /// `{"var":"a.b"}` without a default: split now, so that nothing is split later.
    private mutating func variable(_ arguments: [JSONValue]) -> LogicNode? {
        guard arguments.count <= 1 else { return nil }
        let argument = arguments.first ?? .null
        guard argument.isString || argument.isNull || argument.intValue != nil else { return nil }
        var node = LogicNode(code: .variable)
        guard let text = argument.stringValue ?? argument.intValue.map(String.init), !text.isEmpty else { return node }
        let names = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        let segments = UnsafeMutablePointer<LogicSegment>.allocate(capacity: names.count)
        paths.append(segments)
        for (place, name) in names.enumerated() {
            let value = JSONValue.string(name, in: literals)
            (segments + place).initialize(
                to: LogicSegment(name: value, index: Int64(name) ?? -1, scope: .init(value)))
        }
        node.segments = segments
        node.count = names.count
        return node
    }
}
