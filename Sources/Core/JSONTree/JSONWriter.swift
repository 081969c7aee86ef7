import CJSON

/// Writes JSON: UTF-8 as it is, doubles as the shortest text that reads back the same, no white space.
package enum JSONWriter {
    package static func write(_ value: JSONValue, into buffer: inout JSONByteBuffer) {
        switch Int(value.raw.tag) {
        case 0: buffer.append("null")
        case 1: buffer.append("false")
        case 2: buffer.append("true")
        case 3: buffer.append(integer: Int64(bitPattern: value.raw.bits))
        case 4: write(Double(bitPattern: value.raw.bits), into: &buffer)
        case 5: write(string: value.bytes, into: &buffer)
        case 6:
            buffer.append(byte: UInt8(ascii: "["))
            for index in 0..<value.count {
                if index > 0 { buffer.append(byte: UInt8(ascii: ",")) }
                write(value[index], into: &buffer)
            }
            buffer.append(byte: UInt8(ascii: "]"))
        case 7:
            buffer.append(byte: UInt8(ascii: "{"))
            for index in 0..<value.count {
                if index > 0 { buffer.append(byte: UInt8(ascii: ",")) }
                write(string: value.key(at: index).bytes, into: &buffer)
                buffer.append(byte: UInt8(ascii: ":"))
                write(value.value(at: index), into: &buffer)
            }
            buffer.append(byte: UInt8(ascii: "}"))
        default: buffer.append(value.bytes)
        }
    }

    /// JSON has no word for what is not a finite number: that becomes null.
    package static func write(_ number: Double, into buffer: inout JSONByteBuffer) {
        guard number.isFinite else {
            buffer.append("null")
            return
        }
        buffer.append(utf8: number.description)
    }

    package static func write(_ text: String, into buffer: inout JSONByteBuffer) {
        var text = text
        text.withUTF8 { write(string: UnsafeRawBufferPointer($0), into: &buffer) }
    }

    package static func write(string bytes: UnsafeRawBufferPointer, into buffer: inout JSONByteBuffer) {
        buffer.append(byte: UInt8(ascii: "\""))
        var rest = bytes
        while let start = rest.baseAddress, rest.count > 0 {
            let plain = weir_json_plain_prefix(start.assumingMemoryBound(to: UInt8.self), rest.count)
            buffer.append(UnsafeRawBufferPointer(start: start, count: plain))
            guard plain < rest.count else { break }
            writeEscaped(rest[plain], into: &buffer)
            rest = UnsafeRawBufferPointer(rebasing: rest[(plain + 1)...])
        }
        buffer.append(byte: UInt8(ascii: "\""))
    }

    private static func writeEscaped(_ byte: UInt8, into buffer: inout JSONByteBuffer) {
        switch byte {
        case UInt8(ascii: "\""): buffer.append("\\\"")
        case UInt8(ascii: "\\"): buffer.append("\\\\")
        case 8: buffer.append("\\b")
        case 9: buffer.append("\\t")
        case 10: buffer.append("\\n")
        case 12: buffer.append("\\f")
        case 13: buffer.append("\\r")
        default:
            buffer.append("\\u00")
            let digits = StaticString("0123456789abcdef").utf8Start
            buffer.append(byte: digits[Int(byte >> 4)])
            buffer.append(byte: digits[Int(byte & 15)])
        }
    }

    package static func bytes(_ value: JSONValue) -> [UInt8] {
        var buffer = JSONByteBuffer()
        write(value, into: &buffer)
        return buffer.bytes
    }

    /// - Parameter pretty: over several lines, two spaces a level, for people.
    package static func string(_ value: JSONValue, pretty: Bool = false) -> String {
        var buffer = JSONByteBuffer()
        if pretty { writePretty(value, level: 0, into: &buffer) } else { write(value, into: &buffer) }
        return buffer.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    private static func writePretty(_ value: JSONValue, level: Int, into buffer: inout JSONByteBuffer) {
        guard value.count > 0 else {
            write(value, into: &buffer)
            return
        }
        func breakLine(_ level: Int, _ buffer: inout JSONByteBuffer) {
            buffer.append(utf8: "\n" + String(repeating: "  ", count: level))
        }
        buffer.append(byte: UInt8(ascii: value.isArray ? "[" : "{"))
        for index in 0..<value.count {
            if index > 0 { buffer.append(byte: UInt8(ascii: ",")) }
            breakLine(level + 1, &buffer)
            if value.isArray {
                writePretty(value[index], level: level + 1, into: &buffer)
            } else {
                write(string: value.key(at: index).bytes, into: &buffer)
                buffer.append(": ")
                writePretty(value.value(at: index), level: level + 1, into: &buffer)
            }
        }
        breakLine(level, &buffer)
        buffer.append(byte: UInt8(ascii: value.isArray ? "]" : "}"))
    }
}
