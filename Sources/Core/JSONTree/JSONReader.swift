import CJSON

/// What input may look like at most.
package struct JSONLimits: Sendable, Equatable {
    /// Arrays and objects inside one another.
    package var depth: Int

    package init(depth: Int = 128) { self.depth = depth }
}

/// Why a text is not JSON, and where.
package struct JSONSyntaxError: Error, Sendable, Equatable {
    package enum Reason: Int32, Sendable, CaseIterable {
        case empty = 1
        case unexpected, trailing, tooDeep, badNumber, numberOutOfRange, badString, control, badEscape
        case loneSurrogate, badUTF8, truncated, tooLarge, outOfMemory
    }

    package var reason: Reason
    /// Bytes before the fault.
    package var offset: Int
    package var line: Int
    package var column: Int

    package var message: String {
        let sentence =
            switch reason {
            case .empty: "there is nothing to read"
            case .unexpected: "unexpected character"
            case .trailing: "more follows after the end of the value"
            case .tooDeep: "nested too deeply"
            case .badNumber: "malformed number"
            case .numberOutOfRange: "number out of range"
            case .badString: "malformed string"
            case .control: "control character inside a string"
            case .badEscape: "invalid escape in a string"
            case .loneSurrogate: "half of a surrogate pair in a string"
            case .badUTF8: "invalid UTF-8"
            case .truncated: "the text ends too early"
            case .tooLarge: "larger than 2 GiB"
            case .outOfMemory: "out of memory"
            }
        return "\(sentence) at line \(line), column \(column)"
    }
}

/// Reads JSON (RFC 8259, strictly). The last of several members with one name wins, at the first one's place.
package enum JSONReader {
    package static func parse(
        _ bytes: UnsafeRawBufferPointer, in arena: JSONArena, limits: JSONLimits = JSONLimits()
    ) throws(JSONSyntaxError) -> JSONValue {
        var value = weir_json_value()
        var offset = 0
        let result = weir_json_parse(
            arena.storage, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count,
            UInt32(clamping: limits.depth), &value, &offset)
        guard result == 0 else { throw failure(result, at: offset, in: bytes) }
        return JSONValue(raw: value)
    }

    package static func parse(
        _ text: String, in arena: JSONArena, limits: JSONLimits = JSONLimits()
    ) throws(JSONSyntaxError) -> JSONValue {
        try parse(Array(text.utf8), in: arena, limits: limits)
    }

    package static func parse(
        _ bytes: [UInt8], in arena: JSONArena, limits: JSONLimits = JSONLimits()
    ) throws(JSONSyntaxError) -> JSONValue {
        let result = bytes.withUnsafeBytes { bytes -> Result<JSONValue, JSONSyntaxError> in
            do throws(JSONSyntaxError) { return .success(try parse(bytes, in: arena, limits: limits)) } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private static func failure(_ code: Int32, at offset: Int, in bytes: UnsafeRawBufferPointer) -> JSONSyntaxError {
        let before = bytes.prefix(offset)
        let line = before.reduce(1) { $1 == 10 ? $0 + 1 : $0 }
        let column = offset - (before.lastIndex(of: 10).map { $0 + 1 } ?? 0) + 1
        return JSONSyntaxError(
            reason: .init(rawValue: code) ?? .unexpected, offset: offset, line: line, column: column)
    }
}
