package import CJSON

/// A JSON value: 16 bytes that are copied freely. Strings, arrays and objects point into a ``JSONArena`` (or into
/// memory that lives for ever) and are valid as long as it is.
package struct JSONValue: Sendable {
    package let raw: weir_json_value

    @inline(__always)
    package init(raw: weir_json_value) { self.raw = raw }

    package enum Kind: UInt8, Sendable {
        case null, bool, int, double, string, array, object
        /// An integer outside 64 bits: kept as its text, a double in arithmetic.
        case bigInteger
    }

    package var kind: Kind {
        switch Int(raw.tag) {
        case 0: .null
        case 1, 2: .bool
        case 3: .int
        case 4: .double
        case 5: .string
        case 6: .array
        case 7: .object
        default: .bigInteger
        }
    }

    private static func plain(_ tag: UInt8, bits: UInt64 = 0) -> JSONValue {
        JSONValue(raw: weir_json_value(bits: bits, count: 0, tag: tag, flags: 0, reserved: 0))
    }

    package static let null = plain(0)
    package static let `false` = plain(1)
    package static let `true` = plain(2)

    @inline(__always)
    package static func bool(_ value: Bool) -> JSONValue { plain(value ? 2 : 1) }
    @inline(__always)
    package static func int(_ value: Int64) -> JSONValue { plain(3, bits: UInt64(bitPattern: value)) }
    @inline(__always)
    package static func double(_ value: Double) -> JSONValue { plain(4, bits: value.bitPattern) }

    /// Copies the text into the arena.
    package static func string(_ text: String, in arena: JSONArena) -> JSONValue {
        var text = text
        return text.withUTF8 { string(copying: UnsafeRawBufferPointer($0), in: arena) }
    }

    package static func string(copying bytes: UnsafeRawBufferPointer, in arena: JSONArena) -> JSONValue {
        let memory = arena.allocate(bytes: bytes.count)
        if let start = bytes.baseAddress { memory.copyMemory(from: start, byteCount: bytes.count) }
        return string(unowned: UnsafeRawBufferPointer(start: memory, count: bytes.count))
    }

    /// Points at bytes that live at least as long as the value: in the same arena, or for ever.
    package static func string(unowned bytes: UnsafeRawBufferPointer) -> JSONValue {
        JSONValue(
            raw: weir_json_value(
                bits: UInt64(UInt(bitPattern: bytes.baseAddress)), count: UInt32(bytes.count), tag: 5, flags: 0,
                reserved: 0))
    }

    package static func string(_ text: StaticString) -> JSONValue {
        string(unowned: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    static func container(_ values: UnsafeMutablePointer<weir_json_value>, count: Int, tag: UInt8) -> JSONValue {
        JSONValue(
            raw: weir_json_value(
                bits: UInt64(UInt(bitPattern: values)), count: UInt32(count), tag: tag, flags: 0, reserved: 0))
    }

    package static let emptyString = JSONValue.string("")

    @inline(__always)
    package var isNull: Bool { raw.tag == 0 }
    @inline(__always)
    package var isTrue: Bool { raw.tag == 2 }
    @inline(__always)
    package var isNumber: Bool { raw.tag == 3 || raw.tag == 4 || raw.tag == 8 }
    @inline(__always)
    package var isString: Bool { raw.tag == 5 }
    @inline(__always)
    package var isArray: Bool { raw.tag == 6 }
    @inline(__always)
    package var isObject: Bool { raw.tag == 7 }

    @inline(__always)
    package var boolValue: Bool? { raw.tag == 2 ? true : raw.tag == 1 ? false : nil }
    @inline(__always)
    package var intValue: Int64? { raw.tag == 3 ? Int64(bitPattern: raw.bits) : nil }

    /// The number as a double, for any kind of number.
    package var doubleValue: Double? {
        switch Int(raw.tag) {
        case 3: Double(Int64(bitPattern: raw.bits))
        case 4: Double(bitPattern: raw.bits)
        case 8: Double(String(decoding: bytes, as: UTF8.self))
        default: nil
        }
    }

    /// A copy of the text of a string.
    package var stringValue: String? { raw.tag == 5 ? String(decoding: bytes, as: UTF8.self) : nil }

    /// The bytes of a string, where they are.
    @inline(__always)
    package var utf8: UnsafeRawBufferPointer? { raw.tag == 5 ? bytes : nil }

    /// Bytes of a string or of a big integer's text.
    @inline(__always)
    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: UInt(raw.bits)), count: Int(raw.count))
    }
}

extension JSONValue {
    /// The same value with a mark that only the room that made it understands.
    package func flagged(_ flag: UInt8) -> JSONValue {
        var marked = raw
        marked.flags = flag
        return JSONValue(raw: marked)
    }
}
