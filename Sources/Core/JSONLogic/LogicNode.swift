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
        /// `var` with a path known beforehand: `value` is an array of names and indices.
        case variable
        /// A comparison of a known path with a literal, the commonest condition of all.
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
}

/// Errors found while compiling that are kept for evaluation, so that `try` can catch them.
enum JSONLogicErrorKind {
    case unknownOperator, invalidArguments
}
