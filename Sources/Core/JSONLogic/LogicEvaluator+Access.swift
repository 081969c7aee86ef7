import JSONTree

extension LogicEvaluator {
    /// What `var` looks into: the innermost iteration's element, or the data.
    var current: JSONValue { frames.last?.current ?? root }

    /// - Parameter path: an array of names, split beforehand.
    @inline(__always)
    func variable(_ path: JSONValue) -> JSONValue? {
        var start = 0
        var value: JSONValue
        if let frame = frames.last {
            value = frame.current
            if let accumulator = frame.accumulator {
                guard path.count > 0 else { return reduceScope(frame, accumulator) }
                switch path[0].utf8 {
                case .some(let name) where name.elementsEqual("current".utf8): value = frame.current
                case .some(let name) where name.elementsEqual("accumulator".utf8): value = accumulator
                default: return nil
                }
                start = 1
            }
        } else {
            value = root
        }
        var place = start
        while place < path.count {
            guard let next = Self.member(path[place], of: value) else { return nil }
            value = next
            place += 1
        }
        return value
    }

    private func reduceScope(_ frame: Frame, _ accumulator: JSONValue) -> JSONValue {
        var scope = JSONObjectBuilder(capacity: 2, in: arena)
        scope.append(key: "current", frame.current)
        scope.append(key: "accumulator", accumulator)
        return scope.finish()
    }

    static func member(_ name: JSONValue, of value: JSONValue) -> JSONValue? {
        if value.isObject {
            if let bytes = name.utf8 { return value.member(bytes) }
            return name.intValue.flatMap { value.member(String($0)) }
        }
        guard value.isArray, let index = name.intValue ?? name.stringValue.flatMap({ Int64($0) }) else { return nil }
        return index >= 0 && index < Int64(value.count) ? value[Int(index)] : nil
    }

    mutating func access(
        _ name: LogicOperator, _ node: UnsafeMutablePointer<LogicNode>
    ) throws(JSONLogicError) -> JSONValue {
        switch name {
        case .var: return try dynamicVariable(node)
        case .val: return value(at: try arguments(node)) ?? .null
        case .exists: return .bool(exists(try arguments(node)))
        case .missing: return missing(try arguments(node))
        default: return try missingSome(node)
        }
    }

    private mutating func dynamicVariable(
        _ node: UnsafeMutablePointer<LogicNode>
    ) throws(JSONLogicError) -> JSONValue {
        let path = try argument(node, 0)
        if let found = variable(split(path)), !found.isNull { return found }
        return try argument(node, 1)
    }

    private func split(_ path: JSONValue) -> JSONValue {
        var segments = JSONArrayBuilder(in: arena)
        if let text = path.stringValue {
            guard !text.isEmpty else { return segments.finish() }
            for part in text.split(separator: ".", omittingEmptySubsequences: false) {
                segments.append(.string(String(part), in: arena))
            }
        } else if path.isNumber {
            segments.append(path)
        } else if path.isArray {
            return path.count > 0 ? split(path[0]) : path
        }
        return segments.finish()
    }

    /// `val`: segments are taken as they are; a first `[n]` goes n levels up. Every iteration has two levels: its
    /// element, and above it an object with `index`.
    private func value(at path: JSONValue) -> JSONValue? {
        guard path.count > 0 else { return variable(path) }
        if path[0].isArray, let levels = path[0].count > 0 ? path[0][0].intValue : nil {
            var up = Int(min(levels.magnitude, 1 << 20))
            // Between two elements lie `index` and `key`; any other name means the element above.
            if up % 2 == 1, path.count > 1, !Self.isIterationName(path[1]) { up += 1 }
            guard var value = level(up) else { return nil }
            for place in 1..<max(1, path.count) {
                guard let next = Self.member(path[place], of: value) else { return nil }
                value = next
            }
            return value
        }
        if path.count == 1, path[0].isNull { return nil }
        return variable(path)
    }

    private static func isIterationName(_ name: JSONValue) -> Bool {
        name.utf8.map { $0.elementsEqual("index".utf8) || $0.elementsEqual("key".utf8) } ?? false
    }

    private func level(_ up: Int) -> JSONValue? {
        let frame = frames.count - 1 - up / 2
        if up % 2 == 1 {
            guard frame >= 0 else { return root }
            var scope = JSONObjectBuilder(capacity: 2, in: arena)
            scope.append(key: "index", frames[frame].index)
            scope.append(key: "key", frames[frame].key)
            return scope.finish()
        }
        return frame >= 0 ? frames[frame].current : root
    }

    private func exists(_ path: JSONValue) -> Bool {
        var value = current
        for place in 0..<path.count {
            guard let next = Self.member(path[place], of: value) else { return false }
            value = next
        }
        return true
    }

    private func isMissing(_ name: JSONValue) -> Bool {
        guard let found = variable(split(name)) else { return true }
        return found.isNull || found.isString && found.utf8?.isEmpty == true
    }

    private func missing(_ names: JSONValue) -> JSONValue {
        let names = names.count > 0 && names[0].isArray ? names[0] : names
        var missing = JSONArrayBuilder(in: arena)
        for place in 0..<names.count where isMissing(names[place]) { missing.append(names[place]) }
        return missing.finish()
    }

    private mutating func missingSome(_ node: UnsafeMutablePointer<LogicNode>) throws(JSONLogicError) -> JSONValue {
        guard let wanted = try argument(node, 0).doubleValue else { throw .invalidArguments }
        let names = try argument(node, 1)
        let missing = missing(names)
        let empty = JSONArrayBuilder(in: arena).finish()
        return Double(names.count - missing.count) >= wanted ? empty : missing
    }
}
