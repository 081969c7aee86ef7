import JSONTree

extension LogicEvaluator {
    /// What `var` looks into: the innermost iteration's element, or the data.
    var current: JSONValue { top?.pointee.current ?? root }

    /// A path that was split when the rule was compiled.
    @inline(__always)
    func variable(_ node: UnsafeMutablePointer<LogicNode>) -> JSONValue? {
        guard let segments = node.pointee.segments else { return wholeScope }
        guard let frame = top else { return Self.follow(segments, node.pointee.count, from: root) }
        guard frame.pointee.isReducing else {
            return Self.follow(segments, node.pointee.count, from: frame.pointee.current)
        }
        switch segments.pointee.scope {
        case .current: return Self.follow(segments + 1, node.pointee.count - 1, from: frame.pointee.current)
        case .accumulator: return Self.follow(segments + 1, node.pointee.count - 1, from: frame.pointee.accumulator)
        case .other: return nil
        }
    }

    @inline(__always)
    static func follow(
        _ segments: UnsafeMutablePointer<LogicSegment>, _ count: Int, from start: JSONValue
    ) -> JSONValue? {
        var value = start
        for place in 0..<count {
            if value.isObject {
                guard let next = value.member(segments[place].name) else { return nil }
                value = next
            } else {
                let index = segments[place].index
                guard value.isArray, index >= 0, index < Int64(value.count) else { return nil }
                value = value[Int(index)]
            }
        }
        return value
    }

    /// What `{"var": ""}` is: everything there is to look into.
    private var wholeScope: JSONValue {
        guard let frame = top else { return root }
        return frame.pointee.isReducing ? reduceScope(frame.pointee) : frame.pointee.current
    }

    /// A path that is known only now: an array of names and indices.
    func variable(_ path: JSONValue) -> JSONValue? {
        guard path.count > 0 else { return wholeScope }
        var value = current
        var start = 0
        if let frame = top, frame.pointee.isReducing {
            switch LogicSegment.Scope(path[0]) {
            case .current: value = frame.pointee.current
            case .accumulator: value = frame.pointee.accumulator
            case .other: return nil
            }
            start = 1
        }
        for place in start..<path.count {
            guard let next = Self.member(path[place], of: value) else { return nil }
            value = next
        }
        return value
    }

    private func reduceScope(_ frame: Frame) -> JSONValue {
        var scope = JSONObjectBuilder(capacity: 2, in: arena)
        scope.append(key: "current", frame.current)
        scope.append(key: "accumulator", frame.accumulator)
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
        var frame = top
        for _ in 0..<up / 2 {
            guard let inner = frame else { break }
            frame = inner.pointee.outer
        }
        guard let frame else { return root }
        guard up % 2 == 1 else { return frame.pointee.current }
        var scope = JSONObjectBuilder(capacity: 2, in: arena)
        scope.append(key: "index", frame.pointee.index)
        scope.append(key: "key", frame.pointee.key)
        return scope.finish()
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

extension LogicSegment.Scope {
    init(_ name: JSONValue) {
        switch name.utf8 {
        case .some(let name) where name.elementsEqual("current".utf8): self = .current
        case .some(let name) where name.elementsEqual("accumulator".utf8): self = .accumulator
        default: self = .other
        }
    }
}
