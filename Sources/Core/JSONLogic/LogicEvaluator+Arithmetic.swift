import JSONTree

extension LogicEvaluator {
    /// Whole numbers stay exact while they fit into 64 bits.
    private enum Number {
        case whole(Int64)
        case real(Double)

        var double: Double {
            switch self {
            case .whole(let value): Double(value)
            case .real(let value): value
            }
        }
    }

    private static func read(_ value: JSONValue) throws(JSONLogicError) -> Number {
        if let whole = value.intValue { return .whole(whole) }
        if let text = value.stringValue, let whole = Int64(text) { return .whole(whole) }
        if value.isNull { return .whole(0) }
        if let flag = value.boolValue { return .whole(flag ? 1 : 0) }
        let real = try number(value)
        return value.isString && real == real.rounded() && abs(real) < 9e15 ? .whole(Int64(real)) : .real(real)
    }

    private static func write(_ number: Number) throws(JSONLogicError) -> JSONValue {
        switch number {
        case .whole(let value): return .int(value)
        case .real(let value):
            guard value.isFinite else { throw .notANumber }
            return value == value.rounded() && abs(value) < 9_007_199_254_740_992 ? .int(Int64(value)) : .double(value)
        }
    }

    mutating func arithmetic(
        _ name: LogicOperator, _ node: UnsafeMutablePointer<LogicNode>
    ) throws(JSONLogicError) -> JSONValue {
        switch name {
        case .plus, .minus, .times, .divide, .modulo: return try calculate(name, node)
        case .max, .min: return try extreme(name, try arguments(node))
        case .random: return .double(Double.random(in: 0..<1))
        default: return try rounded(name, try arguments(node))
        }
    }

    private mutating func calculate(
        _ name: LogicOperator, _ node: UnsafeMutablePointer<LogicNode>
    ) throws(JSONLogicError) -> JSONValue {
        if !node.pointee.spreads, node.pointee.count == 2 {
            let left = try evaluate(child(node, 0))
            let right = try evaluate(child(node, 1))
            if let one = left.intValue, let other = right.intValue, let quick = Self.quick(name, one, other) {
                return quick
            }
            if let result = try timeArithmetic(name, left, right) { return result }
            return try Self.write(try Self.apply(name, Self.read(left), Self.read(right)))
        }
        let values = try arguments(node)
        if values.count == 1 { return try single(name, values[0]) }
        guard values.count > 0 else {
            switch name {
            case .plus: return .int(0)
            case .times: return .int(1)
            default: throw .invalidArguments
            }
        }
        if let first = try timeArithmetic(name, values[0], values[1]) {
            var result = first
            for place in 2..<max(2, values.count) {
                guard let next = try timeArithmetic(name, result, values[place]) else { throw .notANumber }
                result = next
            }
            return result
        }
        var result = try Self.read(values[0])
        for place in 1..<values.count { result = try Self.apply(name, result, Self.read(values[place])) }
        return try Self.write(result)
    }

    @inline(__always)
    private static func quick(_ name: LogicOperator, _ left: Int64, _ right: Int64) -> JSONValue? {
        let result: (partialValue: Int64, overflow: Bool)
        switch name {
        case .plus: result = left.addingReportingOverflow(right)
        case .minus: result = left.subtractingReportingOverflow(right)
        case .times: result = left.multipliedReportingOverflow(by: right)
        default: return nil
        }
        return result.overflow ? nil : .int(result.partialValue)
    }

    private func single(_ name: LogicOperator, _ value: JSONValue) throws(JSONLogicError) -> JSONValue {
        switch name {
        case .plus, .times: return try Self.write(try Self.read(value))
        case .minus:
            if case .whole(let whole) = try Self.read(value), whole != .min { return .int(-whole) }
            return try Self.write(.real(-(try Self.number(value))))
        case .divide: return try Self.write(try Self.apply(.divide, .whole(1), Self.read(value)))
        default: throw .invalidArguments
        }
    }

    private static func apply(
        _ name: LogicOperator, _ left: Number, _ right: Number
    ) throws(JSONLogicError) -> Number {
        if case .whole(let one) = left, case .whole(let other) = right {
            if let value = quick(name, one, other)?.intValue { return .whole(value) }
            if name == .divide || name == .modulo {
                guard other != 0 else { throw .notANumber }
                let divided = one.dividedReportingOverflow(by: other)
                if name == .modulo { return .whole(one.remainderReportingOverflow(dividingBy: other).partialValue) }
                if !divided.overflow, divided.partialValue &* other == one { return .whole(divided.partialValue) }
            }
        }
        let one = left.double
        let other = right.double
        switch name {
        case .plus: return .real(one + other)
        case .minus: return .real(one - other)
        case .times: return .real(one * other)
        case .divide:
            guard other != 0 else { throw .notANumber }
            return .real(one / other)
        default:
            guard other != 0 else { throw .notANumber }
            return .real(one.truncatingRemainder(dividingBy: other))
        }
    }

    private func extreme(_ name: LogicOperator, _ values: JSONValue) throws(JSONLogicError) -> JSONValue {
        guard values.count > 0 else { throw .invalidArguments }
        var best = values[0]
        for place in 0..<values.count {
            let value = values[place]
            guard value.isNumber, let number = value.doubleValue, let known = best.doubleValue else {
                throw .invalidArguments
            }
            if name == .max ? number > known : number < known { best = value }
        }
        return best
    }

    private func rounded(_ name: LogicOperator, _ values: JSONValue) throws(JSONLogicError) -> JSONValue {
        if values.count > 1, name != .round {
            var each = JSONArrayBuilder(capacity: values.count, in: arena)
            for place in 0..<values.count { each.append(try round(name, values[place], digits: 0)) }
            return each.finish()
        }
        guard values.count > 0 else { throw .invalidArguments }
        let digits = values.count > 1 ? values[1].intValue ?? 0 : 0
        return try round(name, values[0], digits: Int(max(0, min(digits, 15))))
    }

    private func round(
        _ name: LogicOperator, _ value: JSONValue, digits: Int
    ) throws(JSONLogicError) -> JSONValue {
        guard value.isNumber, let number = value.doubleValue else { throw .invalidArguments }
        if let whole = value.intValue, name != .abs || whole != .min { return .int(name == .abs ? abs(whole) : whole) }
        switch name {
        case .abs: return try Self.write(.real(abs(number)))
        case .ceil: return try Self.write(.real(number.rounded(.up)))
        case .floor: return try Self.write(.real(number.rounded(.down)))
        default:
            var scale = 1.0
            for _ in 0..<digits { scale *= 10 }
            return try Self.write(.real((number * scale).rounded() / scale))
        }
    }
}
