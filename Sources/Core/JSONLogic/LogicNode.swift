import JSONTree

/// One compiled step. A plain struct in memory the rule owns: evaluating touches no reference counts.
struct LogicNode {
    enum Code {
        case literal
        /// An array whose elements are evaluated.
        case list
        /// An object whose members are evaluated; children are values, `value` holds the names.
        case object
        case operation(LogicOperator)
        /// `var` with a path known beforehand: `segments` says where.
        case variable
        case fails(JSONLogicErrorKind)
    }

    var code: Code
    var value: JSONValue = .null
    var children: UnsafeMutablePointer<LogicNode>?
    var count = 0
    /// The one argument was not written as a list: a result that is an array stands for the arguments.
    var spreads = false
    /// The arguments were written as a list.
    var isList = true
    /// Of `variable`: the path, `count` long.
    var segments: UnsafeMutablePointer<LogicSegment>?
    /// What the compiler noticed, for shortcuts that give the same answer sooner.
    var shape = Shape.general

    enum Shape {
        case general
        /// `{"<": [{"var": …}, 5]}`: a known path against a literal number.
        case pathAgainstNumber
        /// `{"+": [{"var": "accumulator"}, {"var": "current…"}]}`, and the other way round.
        case accumulation(pathIsFirst: Bool)
    }
}

/// One step of a path: a member's name, which in an array is an index.
struct LogicSegment {
    var name: JSONValue
    /// -1 where the name is no index.
    var index: Int64
    var scope: Scope

    /// What the name means at the start of a path inside `reduce`.
    enum Scope { case current, accumulator, other }
}

/// Errors found while compiling that are kept for evaluation, so that `try` can catch them.
enum JSONLogicErrorKind {
    case unknownOperator, invalidArguments
}
