import JSONTree

extension LogicEvaluator {
    mutating func control(
        _ name: LogicOperator, _ node: UnsafeMutablePointer<LogicNode>
    ) throws(JSONLogicError) -> JSONValue {
        switch name {
        case .and, .or: return try chain(node, stopsOn: name == .or)
        case .not: return .bool(!(try first(node).isTruthy))
        case .truthy: return .bool(try first(node).isTruthy)
        case .if, .ternary: return try choose(node)
        case .coalesce: return try coalesce(node)
        case .switch, .match: return try select(node)
        case .type: return Self.typeName(try argument(node, 0))
        case .try: return try attempt(node)
        case .throw: throw thrown(try argument(node, 0))
        default: return try argument(node, 0)
        }
    }

    private mutating func first(_ node: UnsafeMutablePointer<LogicNode>) throws(JSONLogicError) -> JSONValue {
        try argument(node, 0)
    }

    private mutating func chain(
        _ node: UnsafeMutablePointer<LogicNode>, stopsOn stop: Bool
    ) throws(JSONLogicError) -> JSONValue {
        var last = JSONValue.null
        if node.pointee.spreads {
            let values = try arguments(node)
            for place in 0..<values.count {
                last = values[place]
                if last.isTruthy == stop { return last }
            }
            return last
        }
        for place in 0..<node.pointee.count {
            last = try evaluate(child(node, place))
            if last.isTruthy == stop { return last }
        }
        return last
    }

    private mutating func choose(_ node: UnsafeMutablePointer<LogicNode>) throws(JSONLogicError) -> JSONValue {
        if node.pointee.spreads {
            let values = try arguments(node)
            var place = 0
            while place + 1 < values.count {
                if values[place].isTruthy { return values[place + 1] }
                place += 2
            }
            return place < values.count ? values[place] : .null
        }
        var place = 0
        while place + 1 < node.pointee.count {
            if try evaluate(child(node, place)).isTruthy { return try evaluate(child(node, place + 1)) }
            place += 2
        }
        return place < node.pointee.count ? try evaluate(child(node, place)) : .null
    }

    private mutating func coalesce(_ node: UnsafeMutablePointer<LogicNode>) throws(JSONLogicError) -> JSONValue {
        if node.pointee.spreads {
            let values = try arguments(node)
            for place in 0..<values.count where !values[place].isNull { return values[place] }
            return .null
        }
        for place in 0..<node.pointee.count {
            let value = try evaluate(child(node, place))
            if !value.isNull { return value }
        }
        return .null
    }

    /// `[value, [[case, result], …], default]`; only the chosen result is evaluated.
    private mutating func select(_ node: UnsafeMutablePointer<LogicNode>) throws(JSONLogicError) -> JSONValue {
        guard node.pointee.isList, node.pointee.count >= 2 else { throw .invalidArguments }
        let value = try argument(node, 0)
        let cases = child(node, 1)
        if case .list = cases.pointee.code {
            for place in 0..<cases.pointee.count {
                let pair = child(cases, place)
                if case .list = pair.pointee.code, pair.pointee.count >= 2 {
                    if Self.isSame(try evaluate(child(pair, 0)), value) { return try evaluate(child(pair, 1)) }
                } else {
                    let known = try evaluate(pair)
                    if known.isArray, known.count >= 2, Self.isSame(known[0], value) { return known[1] }
                }
            }
        } else {
            let known = try evaluate(cases)
            for place in 0..<known.count where known.isArray && known[place].isArray && known[place].count >= 2 {
                if Self.isSame(known[place][0], value) { return known[place][1] }
            }
        }
        return try argument(node, 2)
    }

    private static func typeName(_ value: JSONValue) -> JSONValue {
        switch value.kind {
        case .null: .string("null")
        case .bool: .string("boolean")
        case .int, .double, .bigInteger: .string("number")
        case .string: value.isMoment ? .string("datetime") : value.isSpan ? .string("duration") : .string("string")
        case .array: .string("array")
        case .object:
            value.count == 1 && value.member("datetime") != nil
                ? .string("datetime")
                : value.count == 1 && value.member("timestamp") != nil ? .string("duration") : .string("object")
        }
    }

    /// Tries one argument after the other; in the later ones `{"val":"type"}` is what went wrong.
    private mutating func attempt(_ node: UnsafeMutablePointer<LogicNode>) throws(JSONLogicError) -> JSONValue {
        var last = JSONLogicError.invalidArguments
        for place in 0..<node.pointee.count {
            do throws(JSONLogicError) {
                guard place > 0 else { return try evaluate(child(node, 0)) }
                return try withFrame(describe(last), .int(0)) { evaluator, _ throws(JSONLogicError) in
                    try evaluator.evaluate(evaluator.child(node, place))
                }
            } catch {
                if error.type == "Timeout" || error.type == "Too Large" { throw error }
                last = error
            }
        }
        throw last
    }

    private func describe(_ error: JSONLogicError) -> JSONValue {
        if let value = error.value?.value, value.isObject { return value.copied(into: arena) }
        var described = JSONObjectBuilder(capacity: 1, in: arena)
        described.append(key: "type", .string(error.type, in: arena))
        return described.finish()
    }

    private func thrown(_ value: JSONValue) -> JSONLogicError {
        if let text = value.stringValue { return JSONLogicError(text) }
        let type = value.member("type")?.stringValue ?? JSONWriter.string(value)
        return JSONLogicError(type, value: OwnedJSON(copying: value))
    }
}
