import JSONTree

extension LogicEvaluator {
    mutating func compare(
        _ name: LogicOperator, _ node: UnsafeMutablePointer<LogicNode>
    ) throws(JSONLogicError) -> JSONValue {
        if node.pointee.spreads {
            let values = try arguments(node)
            guard values.count >= 2 else { throw .invalidArguments }
            for place in 1..<values.count {
                guard try Self.holds(name, values[place - 1], values[place]) else { return .false }
            }
            return .true
        }
        if case .pathAgainstNumber = node.pointee.shape {
            let left = variable(child(node, 0)) ?? .null
            return .bool(try Self.holds(name, left, child(node, 1).pointee.value))
        }
        var left = try evaluate(child(node, 0))
        for place in 1..<node.pointee.count {
            let right = try evaluate(child(node, place))
            guard try Self.holds(name, left, right) else { return .false }
            left = right
        }
        return .true
    }

    @inline(__always)
    private static func holds(
        _ name: LogicOperator, _ left: JSONValue, _ right: JSONValue
    ) throws(JSONLogicError) -> Bool {
        switch name {
        case .strictEquals: isSame(left, right)
        case .strictNotEquals: !isSame(left, right)
        case .equals: try isEqual(left, right)
        case .notEquals: !(try isEqual(left, right))
        case .less: try order(left, right, orEqual: false, swapped: false)
        case .lessOrEqual: try order(left, right, orEqual: true, swapped: false)
        case .greater: try order(left, right, orEqual: false, swapped: true)
        default: try order(left, right, orEqual: true, swapped: true)
        }
    }

    /// `===`: the same kind and the same value; moments and spans by what they mean.
    static func isSame(_ left: JSONValue, _ right: JSONValue) -> Bool {
        if let pair = timePair(left, right) { return pair.left == pair.right }
        return left == right
    }

    static func isEqual(_ left: JSONValue, _ right: JSONValue) throws(JSONLogicError) -> Bool {
        if let one = left.intValue, let other = right.intValue { return one == other }
        if let pair = timePair(left, right) { return pair.left == pair.right }
        if left.isNumber && right.isNumber || left.isString && right.isString { return left == right }
        if left.isNull && right.isNull { return true }
        if left.kind == .bool, right.kind == .bool { return left.isTrue == right.isTrue }
        if left.count == 0 && right.count == 0 && left.kind == right.kind && (left.isArray || left.isObject) {
            return true
        }
        if left == right { return true }
        return try number(left) == number(right)
    }

    private static func order(
        _ left: JSONValue, _ right: JSONValue, orEqual: Bool, swapped: Bool
    ) throws(JSONLogicError) -> Bool {
        if swapped { return try order(right, left, orEqual: orEqual, swapped: false) }
        if let one = left.intValue, let other = right.intValue { return orEqual ? one <= other : one < other }
        if let pair = timePair(left, right) { return orEqual ? pair.left <= pair.right : pair.left < pair.right }
        if let one = left.utf8, let other = right.utf8 {
            return orEqual ? !other.lexicographicallyPrecedes(one) : one.lexicographicallyPrecedes(other)
        }
        let one = try number(left)
        let other = try number(right)
        return orEqual ? one <= other : one < other
    }

    /// A number, or what reads as one: null, false and "" are 0, true is 1. All else is no number.
    static func number(_ value: JSONValue) throws(JSONLogicError) -> Double {
        switch value.kind {
        case .int: return Double(value.intValue ?? 0)
        case .double, .bigInteger: return value.doubleValue ?? 0
        case .null: return 0
        case .bool: return value.isTrue ? 1 : 0
        case .string:
            guard let text = value.stringValue, !text.isEmpty else { return 0 }
            guard let number = Double(text.trimmingSpaces), number.isFinite else { throw .notANumber }
            return number
        case .array, .object: throw .notANumber
        }
    }
}

extension String {
    var trimmingSpaces: String {
        let isSpace: (Character) -> Bool = { $0.isWhitespace }
        guard let start = firstIndex(where: { !isSpace($0) }), let end = lastIndex(where: { !isSpace($0) }) else {
            return ""
        }
        return String(self[start...end])
    }
}
