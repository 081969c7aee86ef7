import JSONTree
import Vocabulary

/// Evaluates nodes over data. One value for one evaluation.
struct LogicEvaluator {
    let root: JSONValue
    let arena: JSONArena
    let budget: JSONLogicBudget
    /// What the innermost iteration or `try` stands on. Frames live on the stack of whoever iterates.
    var top: UnsafeMutablePointer<Frame>?
    private var untilCheck = 1024

    struct Frame {
        var current: JSONValue
        var index: JSONValue
        /// The name of the member, when an object is walked.
        var key = JSONValue.null
        /// In `reduce`: what has been gathered so far.
        var accumulator = JSONValue.null
        var isReducing = false
        var outer: UnsafeMutablePointer<Frame>?
    }

    /// Runs `work` with one more frame on the stack, and takes it off in every case.
    @inline(__always)
    mutating func withFrame<Result>(
        _ current: JSONValue, _ index: JSONValue = .null,
        _ work: (inout LogicEvaluator, UnsafeMutablePointer<Frame>) throws(JSONLogicError) -> Result
    ) throws(JSONLogicError) -> Result {
        let outer = top
        defer { top = outer }
        var frame = Frame(current: current, index: index, outer: outer)
        return try withUnsafeMutablePointer(to: &frame) { pointer throws(JSONLogicError) in
            top = pointer
            return try work(&self, pointer)
        }
    }

    init(data: JSONValue, arena: JSONArena, budget: JSONLogicBudget) {
        root = data
        self.arena = arena
        self.budget = budget
    }

    /// Called for every element of an iteration.
    @inline(__always)
    mutating func spend() throws(JSONLogicError) {
        untilCheck -= 1
        if untilCheck <= 0 { try check() }
    }

    private mutating func check() throws(JSONLogicError) {
        untilCheck = 1024
        if budget.deadline != 0, Stopwatch.nanoseconds() > budget.deadline { throw JSONLogicError("Timeout") }
        if arena.bytesUsed > budget.maxArenaBytes { throw JSONLogicError("Too Large") }
    }

    mutating func evaluate(_ node: UnsafeMutablePointer<LogicNode>) throws(JSONLogicError) -> JSONValue {
        switch node.pointee.code {
        case .literal: return node.pointee.value
        case .variable: return variable(node) ?? .null
        case .operation(let name): return try operate(name, node)
        case .list:
            var built = JSONArrayBuilder(capacity: node.pointee.count, in: arena)
            for place in 0..<node.pointee.count { built.append(try evaluate(child(node, place))) }
            return built.finish()
        case .object:
            var built = JSONObjectBuilder(capacity: node.pointee.count, in: arena)
            for place in 0..<node.pointee.count {
                built.append(key: node.pointee.value.key(at: place), try evaluate(child(node, place)))
            }
            return built.finish()
        case .fails(.unknownOperator): throw .unknownOperator
        case .fails(.invalidArguments): throw .invalidArguments
        }
    }

    @inline(__always)
    func child(_ node: UnsafeMutablePointer<LogicNode>, _ place: Int) -> UnsafeMutablePointer<LogicNode> {
        node.pointee.children.unsafelyUnwrapped + place  // callers stay below `count`
    }

    /// The evaluated arguments, with a single list standing for them where the rule wrote none.
    mutating func arguments(_ node: UnsafeMutablePointer<LogicNode>) throws(JSONLogicError) -> JSONValue {
        if node.pointee.spreads {
            let value = try evaluate(child(node, 0))
            if value.isArray { return value }
            var one = JSONArrayBuilder(capacity: 1, in: arena)
            one.append(value)
            return one.finish()
        }
        var built = JSONArrayBuilder(capacity: node.pointee.count, in: arena)
        for place in 0..<node.pointee.count { built.append(try evaluate(child(node, place))) }
        return built.finish()
    }

    /// The value of one argument, or null where it was left out.
    @inline(__always)
    mutating func argument(
        _ node: UnsafeMutablePointer<LogicNode>, _ place: Int
    ) throws(JSONLogicError) -> JSONValue {
        place < node.pointee.count ? try evaluate(child(node, place)) : .null
    }

    private mutating func operate(
        _ name: LogicOperator, _ node: UnsafeMutablePointer<LogicNode>
    ) throws(JSONLogicError) -> JSONValue {
        switch name {
        case .var, .val, .exists, .missing, .missingSome: return try access(name, node)
        case .equals, .strictEquals, .notEquals, .strictNotEquals, .less, .lessOrEqual, .greater, .greaterOrEqual:
            return try compare(name, node)
        case .and, .or, .not, .truthy, .if, .ternary, .coalesce, .switch, .match, .type, .try, .throw, .preserve:
            return try control(name, node)
        case .plus, .minus, .times, .divide, .modulo, .max, .min, .abs, .ceil, .floor, .round, .random:
            return try arithmetic(name, node)
        case .cat, .substr, .length, .upper, .lower, .trim, .split, .join, .startsWith, .endsWith, .base64Encode,
            .base64Decode, .hexEncode, .hexDecode, .urlEncode, .urlDecode:
            return try text(name, node)
        case .merge, .in, .sort, .slice, .distinct, .keys, .values, .entries: return try lists(name, node)
        case .map, .filter, .reduce, .all, .some, .none, .groupBy: return try iterate(name, node)
        case .now, .datetime, .parseDate, .formatDate, .dateDiff, .timestamp: return try time(name, node)
        case .semVer, .fractional: return try flags(name, node)
        }
    }
}
