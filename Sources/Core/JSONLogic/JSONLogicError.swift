package import JSONTree
package import Vocabulary

/// What evaluating a rule ended with instead of a value. `try` catches it; `throw` makes one.
package struct JSONLogicError: Error, Sendable {
    /// `Invalid Arguments`, `NaN`, `Unknown Operator`, `Timeout`, `Too Large`, or the `type` of what was thrown.
    package var type: String
    /// What was thrown, where it was an object.
    package var value: OwnedJSON?

    package init(_ type: String, value: OwnedJSON? = nil) {
        self.type = type
        self.value = value
    }

    static let invalidArguments = JSONLogicError("Invalid Arguments")
    static let notANumber = JSONLogicError("NaN")
    static let unknownOperator = JSONLogicError("Unknown Operator")
}

/// Why a rule cannot be compiled, and where in it.
package struct JSONLogicCompileError: Error, Sendable, Equatable {
    package enum Reason: Sendable, Equatable { case unknownOperator, arity, invalid }

    package var reason: Reason
    /// From the root of the rule, such as `if[1].==`; empty for the root itself.
    package var path: String
    package var message: String
}

/// How much an evaluation may take.
package struct JSONLogicBudget: Sendable {
    /// ``Stopwatch`` nanoseconds after which it ends with `Timeout`; 0 for never.
    package var deadline: UInt64
    /// Arena bytes after which it ends with `Too Large`.
    package var maxArenaBytes: Int
    /// What `now` says; nil for the machine's clock.
    package var now: Timestamp?

    package init(deadline: UInt64 = 0, maxArenaBytes: Int = 64 << 20, now: Timestamp? = nil) {
        self.deadline = deadline
        self.maxArenaBytes = maxArenaBytes
        self.now = now
    }

    package static let unlimited = JSONLogicBudget()
}
