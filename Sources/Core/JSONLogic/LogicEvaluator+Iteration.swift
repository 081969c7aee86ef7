import JSONTree

extension LogicEvaluator {
    mutating func iterate(
        _ name: LogicOperator, _ node: UnsafeMutablePointer<LogicNode>
    ) throws(JSONLogicError) -> JSONValue {
        if node.pointee.spreads { throw .invalidArguments }
        let body = child(node, 1)
        if name == .reduce {
            if let sum = quickReduce(node) { return sum }
            return try reduce(try evaluate(child(node, 0)), body, node)
        }
        let source = try evaluate(child(node, 0))
        guard source.isArray || source.isObject && name == .map || source.isNull || source.isObject else {
            if name == .map {
                return try withFrame(source, .int(0)) { evaluator, _ throws(JSONLogicError) in
                    var one = JSONArrayBuilder(capacity: 1, in: evaluator.arena)
                    one.append(try evaluator.evaluate(body))
                    return one.finish()
                }
            }
            throw .invalidArguments
        }
        if name == .filter, source.isArray, let kept = quickFilter(source, body) { return kept }
        return try withFrame(.null) { evaluator, frame throws(JSONLogicError) in
            try evaluator.walk(name, source, body, frame)
        }
    }

    private mutating func walk(
        _ name: LogicOperator, _ source: JSONValue, _ body: UnsafeMutablePointer<LogicNode>,
        _ frame: UnsafeMutablePointer<Frame>
    ) throws(JSONLogicError) -> JSONValue {
        let isObject = source.isObject
        let keepsObject = name == .filter && isObject
        var built = JSONArrayBuilder(capacity: name == .map ? source.count : 4, in: arena)
        let order = isObject ? Self.sortedByKey(source) : []
        for step in 0..<source.count {
            try spend()
            let place = isObject ? order[step] : step
            let element = isObject ? source.value(at: place) : source[place]
            frame.pointee.current = element
            frame.pointee.index = .int(Int64(step))
            if isObject { frame.pointee.key = source.key(at: place) }
            let value = try evaluate(body)
            switch name {
            case .map: built.append(value)
            case .filter where value.isTruthy:
                if keepsObject { built.append(source.key(at: place)) }
                built.append(element)
            case .all where !value.isTruthy: return .false
            case .some where value.isTruthy: return .true
            case .none where value.isTruthy: return .false
            case .groupBy: built.append(value)
            default: break
            }
        }
        switch name {
        case .all: return .bool(source.count > 0)
        case .some: return .false
        case .none: return .true
        case .groupBy: return group(source, by: built.finish())
        default:
            guard keepsObject else { return built.finish() }
            let slots = built.finish()
            var kept = JSONObjectBuilder(capacity: slots.count / 2, in: arena)
            for place in 0..<slots.count / 2 { kept.append(key: slots[2 * place], slots[2 * place + 1]) }
            return kept.finish()
        }
    }

    /// Objects are walked in the order of their names, whatever order they were written in.
    private static func sortedByKey(_ object: JSONValue) -> [Int] {
        (0..<object.count).sorted { left, right in
            guard let one = object.key(at: left).utf8, let other = object.key(at: right).utf8 else { return false }
            return one.lexicographicallyPrecedes(other)
        }
    }

    /// An object from each key to the list of elements that have it, in the order the keys are met.
    private func group(_ source: JSONValue, by keys: JSONValue) -> JSONValue {
        var order: [String] = []
        var groups: [String: [JSONValue]] = [:]
        for place in 0..<keys.count {
            let key = keys[place].stringValue ?? JSONWriter.string(keys[place])
            if groups[key] == nil { order.append(key) }
            groups[key, default: []].append(source.isObject ? source.value(at: place) : source[place])
        }
        var built = JSONObjectBuilder(capacity: order.count, in: arena)
        for key in order {
            var members = JSONArrayBuilder(in: arena)
            for element in groups[key] ?? [] { members.append(element) }
            built.append(key: key, members.finish())
        }
        return built.finish()
    }

    private mutating func reduce(
        _ source: JSONValue, _ body: UnsafeMutablePointer<LogicNode>, _ node: UnsafeMutablePointer<LogicNode>
    ) throws(JSONLogicError) -> JSONValue {
        var accumulator = try argument(node, 2)
        guard source.isArray || source.isNull || source.isObject else { throw .invalidArguments }
        let isObject = source.isObject
        return try withFrame(.null) { evaluator, frame throws(JSONLogicError) in
            frame.pointee.isReducing = true
            let order = isObject ? Self.sortedByKey(source) : []
            for step in 0..<source.count {
                try evaluator.spend()
                let place = isObject ? order[step] : step
                frame.pointee.current = isObject ? source.value(at: place) : source[place]
                frame.pointee.index = .int(Int64(step))
                if isObject { frame.pointee.key = source.key(at: place) }
                frame.pointee.accumulator = accumulator
                accumulator = try evaluator.evaluate(body)
            }
            return accumulator
        }
    }
}
