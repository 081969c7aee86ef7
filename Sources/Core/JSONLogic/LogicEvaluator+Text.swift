import JSONTree

extension LogicEvaluator {
    mutating func text(
        _ name: LogicOperator, _ node: UnsafeMutablePointer<LogicNode>
    ) throws(JSONLogicError) -> JSONValue {
        let values = try arguments(node)
        if name == .cat { return concatenate(values) }
        if name == .length { return try length(try argument(node, 0)) }
        guard values.count > 0 else { throw .invalidArguments }
        switch name {
        case .substr: return try substring(values)
        case .split, .startsWith, .endsWith: return try pair(name, values)
        case .join: return join(values)
        default:
            return try change(name, values[0])
        }
    }

    static func plain(_ value: JSONValue) -> String {
        if let text = value.stringValue { return text }
        if value.isNull { return "" }
        if let number = value.doubleValue, value.kind == .double, number == number.rounded(), abs(number) < 1e15 {
            return String(Int64(number))
        }
        return JSONWriter.string(value)
    }

    private func concatenate(_ values: JSONValue) -> JSONValue {
        var buffer = JSONByteBuffer(capacity: 64)
        Self.add(values, to: &buffer)
        return buffer.withUnsafeBytes { .string(copying: $0, in: arena) }
    }

    private static func add(_ values: JSONValue, to buffer: inout JSONByteBuffer) {
        for place in 0..<values.count {
            let value = values[place]
            if let bytes = value.utf8 {
                buffer.append(bytes)
            } else if value.isArray {
                add(value, to: &buffer)
            } else {
                buffer.append(utf8: plain(value))
            }
        }
    }

    /// Positions count Unicode scalars; a negative one counts from the end.
    private func substring(_ values: JSONValue) throws(JSONLogicError) -> JSONValue {
        guard values.count >= 2, let start = values[1].doubleValue else { throw .invalidArguments }
        let scalars = Array(Self.plain(values[0]).unicodeScalars)
        let count = scalars.count
        let whole = Int(max(-1e9, min(1e9, start)))
        let from = max(0, min(count, whole < 0 ? count + whole : whole))
        var to = count
        if values.count > 2, !values[2].isNull {
            guard let wanted = values[2].doubleValue else { throw .invalidArguments }
            let length = Int(max(-1e9, min(1e9, wanted)))
            to = length < 0 ? max(from, count + length) : min(count, from + length)
        }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars[from..<max(from, to)])
        return .string(String(text), in: arena)
    }

    private func length(_ value: JSONValue) throws(JSONLogicError) -> JSONValue {
        if let text = value.stringValue { return .int(Int64(text.unicodeScalars.count)) }
        guard value.isArray else { throw .invalidArguments }
        return .int(Int64(value.count))
    }

    private func pair(_ name: LogicOperator, _ values: JSONValue) throws(JSONLogicError) -> JSONValue {
        guard values.count >= 2 else { throw .invalidArguments }
        let text = Array(Self.plain(values[0]).utf8)
        let part = Array(Self.plain(values[1]).utf8)
        switch name {
        case .startsWith: return .bool(text.starts(with: part))
        case .endsWith: return .bool(text.reversed().starts(with: part.reversed()))
        default: return split(text, by: part)
        }
    }

    private func split(_ text: [UInt8], by separator: [UInt8]) -> JSONValue {
        var parts = JSONArrayBuilder(in: arena)
        func add(_ bytes: some Collection<UInt8>) {
            parts.append(.string(String(decoding: bytes, as: UTF8.self), in: arena))
        }
        if separator.isEmpty {
            for character in String(decoding: text, as: UTF8.self) { add(Array(String(character).utf8)) }
            return parts.finish()
        }
        var start = 0
        while let found = Self.firstRange(of: separator, in: text, from: start) {
            add(text[start..<found])
            start = found + separator.count
        }
        add(text[start...])
        return parts.finish()
    }

    private func join(_ values: JSONValue) -> JSONValue {
        let source = values[0]
        let separator = values.count > 1 ? Self.plain(values[1]) : ","
        guard source.isArray else { return .string(Self.plain(source), in: arena) }
        return .string((0..<source.count).map { Self.plain(source[$0]) }.joined(separator: separator), in: arena)
    }

    private func change(_ name: LogicOperator, _ value: JSONValue) throws(JSONLogicError) -> JSONValue {
        let text = Self.plain(value)
        switch name {
        case .upper: return .string(text.uppercased(), in: arena)
        case .lower: return .string(text.lowercased(), in: arena)
        case .trim: return .string(text.trimmingSpaces, in: arena)
        default:
            guard let changed = TextCoding.change(name, Array(text.utf8)),
                let result = String(validating: changed, as: UTF8.self)
            else { throw .invalidArguments }
            return .string(result, in: arena)
        }
    }
}
