import JSONTree

extension LogicEvaluator {
    mutating func lists(
        _ name: LogicOperator, _ node: UnsafeMutablePointer<LogicNode>
    ) throws(JSONLogicError) -> JSONValue {
        switch name {
        case .merge: return merge(try arguments(node))
        case .in: return try contains(try arguments(node))
        case .sort: return try sort(node)
        case .slice: return try slice(try arguments(node))
        default: return try shape(name, try argument(node, 0))
        }
    }

    private func merge(_ values: JSONValue) -> JSONValue {
        var merged = JSONArrayBuilder(capacity: values.count, in: arena)
        for place in 0..<values.count {
            let value = values[place]
            if value.isArray {
                for each in 0..<value.count where !value[each].isNull { merged.append(value[each]) }
            } else if !value.isNull {
                merged.append(value)
            }
        }
        return merged.finish()
    }

    private func contains(_ values: JSONValue) throws(JSONLogicError) -> JSONValue {
        guard values.count >= 2 else { throw .invalidArguments }
        let wanted = values[0]
        let place = values[1]
        if let text = place.stringValue {
            let part = wanted.stringValue ?? (wanted.isNull ? "" : JSONWriter.string(wanted))
            return .bool(part.isEmpty || Self.firstRange(of: Array(part.utf8), in: Array(text.utf8)) != nil)
        }
        guard place.isArray else { return .false }
        return .bool((0..<place.count).contains { place[$0] == wanted })
    }

    static func firstRange(of part: [UInt8], in text: [UInt8], from start: Int = 0) -> Int? {
        guard !part.isEmpty, text.count >= part.count + start else { return part.isEmpty ? start : nil }
        for place in start...(text.count - part.count) where text[place] == part[0] {
            if text[place..<place + part.count].elementsEqual(part) { return place }
        }
        return nil
    }

    private mutating func sort(_ node: UnsafeMutablePointer<LogicNode>) throws(JSONLogicError) -> JSONValue {
        let source = try argument(node, 0)
        if source.isNull, node.pointee.isList { return .null }
        guard source.isArray else { throw .invalidArguments }
        let direction = try argument(node, 1)
        let ascending = direction.boolValue ?? (direction.stringValue.map { $0.lowercased() != "desc" } ?? true)
        var keyed: [(key: JSONValue, element: JSONValue)] = []
        for place in 0..<source.count {
            try spend()
            var key = source[place]
            if node.pointee.count > 2 {
                key = try withFrame(source[place], .int(Int64(place))) { evaluator, _ throws(JSONLogicError) in
                    try evaluator.evaluate(evaluator.child(node, 2))
                }
            }
            keyed.append((key, source[place]))
        }
        let sorted = keyed.enumerated().sorted { left, right in
            let order = Self.rank(left.element.key, right.element.key)
            return order == 0 ? left.offset < right.offset : ascending ? order < 0 : order > 0
        }
        var built = JSONArrayBuilder(capacity: sorted.count, in: arena)
        for entry in sorted { built.append(entry.element.element) }
        return built.finish()
    }

    /// Null before false before true before numbers before strings before the rest.
    private static func rank(_ left: JSONValue, _ right: JSONValue) -> Int {
        func kind(_ value: JSONValue) -> Int {
            switch value.kind {
            case .null: 0
            case .bool: 1
            case .int, .double, .bigInteger: 2
            case .string: 3
            case .array: 4
            case .object: 5
            }
        }
        if kind(left) != kind(right) { return kind(left) - kind(right) }
        if let one = left.doubleValue, let other = right.doubleValue { return one < other ? -1 : one > other ? 1 : 0 }
        if let one = left.boolValue, let other = right.boolValue { return (one ? 1 : 0) - (other ? 1 : 0) }
        if let one = left.utf8, let other = right.utf8 {
            return one.lexicographicallyPrecedes(other) ? -1 : other.lexicographicallyPrecedes(one) ? 1 : 0
        }
        return 0
    }

    private func slice(_ values: JSONValue) throws(JSONLogicError) -> JSONValue {
        let source = values.count > 0 ? values[0] : .null
        guard !source.isNull else { return .null }
        guard source.isArray || source.isString else { throw .invalidArguments }
        func bound(_ place: Int) throws(JSONLogicError) -> Int? {
            guard place < values.count, !values[place].isNull else { return nil }
            guard let number = values[place].doubleValue, number.isFinite else {
                throw values[place].isNumber ? .notANumber : .notANumber
            }
            return Int(max(-1e15, min(1e15, number)))
        }
        let characters = source.stringValue.map(Array.init) ?? []
        let count = source.isArray ? source.count : characters.count
        let step = try bound(3) ?? 1
        guard step != 0 else { throw .invalidArguments }
        func clamp(_ value: Int) -> Int {
            let value = value < 0 ? value + count : value
            return step > 0 ? max(0, min(count, value)) : max(-1, min(count - 1, value))
        }
        let start = try bound(1).map(clamp) ?? (step > 0 ? 0 : count - 1)
        let end = try bound(2).map(clamp) ?? (step > 0 ? count : -1)
        let places = stride(from: start, to: end, by: step)
        if source.isString { return .string(String(places.map { characters[$0] }), in: arena) }
        var built = JSONArrayBuilder(in: arena)
        for place in places { built.append(source[place]) }
        return built.finish()
    }

    private mutating func shape(_ name: LogicOperator, _ source: JSONValue) throws(JSONLogicError) -> JSONValue {
        if source.isNull { return .null }
        var built = JSONArrayBuilder(capacity: source.count, in: arena)
        if name == .distinct {
            guard source.isArray else { throw .invalidArguments }
            for place in 0..<source.count {
                let known = built.finish()
                try spend()
                if !(0..<known.count).contains(where: { known[$0] == source[place] }) { built.append(source[place]) }
            }
            return built.finish()
        }
        guard source.isObject else { throw .invalidArguments }
        for place in 0..<source.count {
            switch name {
            case .keys: built.append(source.key(at: place))
            case .values: built.append(source.value(at: place))
            default:
                var pair = JSONArrayBuilder(capacity: 2, in: arena)
                pair.append(source.key(at: place))
                pair.append(source.value(at: place))
                built.append(pair.finish())
            }
        }
        return built.finish()
    }
}
