package import JSONTree

/// A rule, compiled once and evaluated many times, by any number of threads.
package final class JSONLogicRule: Sendable {
    // Written while compiling and only read afterwards; freed with the rule.
    private nonisolated(unsafe) let root: UnsafeMutablePointer<LogicNode>
    private nonisolated(unsafe) let nodes: [UnsafeMutablePointer<LogicNode>]
    private nonisolated(unsafe) let paths: [UnsafeMutablePointer<LogicSegment>]
    private let source: OwnedJSON
    private nonisolated(unsafe) let literals: JSONArena

    /// What to do with an operator nobody knows or a wrong number of arguments.
    package enum Strictness: Sendable {
        /// Refuse the rule: a typing error must not ship.
        case strict
        /// Fail when that part is evaluated, as other engines do.
        case deferred
    }

    package static func compile(
        _ rule: JSONValue, templating: Bool = false, strictness: Strictness = .strict
    ) throws(JSONLogicCompileError) -> JSONLogicRule {
        let source = OwnedJSON(copying: rule)
        var compiler = LogicCompiler(templating: templating, strictness: strictness)
        do throws(JSONLogicCompileError) {
            let node = try compiler.compile(source.value, at: "")
            return JSONLogicRule(node, compiler, source)
        } catch {
            compiler.freeAll()
            throw error
        }
    }

    private init(_ node: LogicNode, _ compiler: LogicCompiler, _ source: OwnedJSON) {
        root = .allocate(capacity: 1)
        root.initialize(to: node)
        nodes = compiler.blocks
        paths = compiler.paths
        literals = compiler.literals
        self.source = source
    }

    deinit {
        root.deallocate()
        for block in nodes { block.deallocate() }
        for path in paths { path.deallocate() }
    }

    /// The value, where the rule is one and needs no evaluation.
    package var constant: JSONValue? { if case .literal = root.pointee.code { root.pointee.value } else { nil } }

    package static var operatorNames: [String] { LogicOperator.allCases.map(\.rawValue) }

    /// The result lives as long as `arena`, `data` and the rule.
    package func evaluate(
        _ data: JSONValue, in arena: JSONArena, budget: JSONLogicBudget = .unlimited
    ) throws(JSONLogicError) -> JSONValue {
        var evaluator = LogicEvaluator(data: data, arena: arena, budget: budget)
        return try evaluator.evaluate(root)
    }
}

extension JSONValue {
    /// What counts as true in conditions: everything but null, false, 0, NaN, "", [] and {}.
    @inline(__always)
    package var isTruthy: Bool {
        switch Int(raw.tag) {
        case 0, 1: false
        case 2: true
        case 3: raw.bits != 0
        case 4: !(Double(bitPattern: raw.bits) == 0 || Double(bitPattern: raw.bits).isNaN)
        default: raw.count != 0
        }
    }
}
