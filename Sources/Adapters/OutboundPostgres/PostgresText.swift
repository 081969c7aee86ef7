import JSONTree
import Outbound
import Vocabulary

/// Reads what PostgreSQL writes in its text format. The session writes dates as ISO 8601 has them, in UTC, and bytes as hex.
///
/// What fits a JSON value becomes one: integers, floats, flags, JSON, arrays. Bytes become Base64, moments RFC 3339. `numeric`
/// and everything else is text as PostgreSQL writes it: a number that is exact stays exact.
enum PostgresText {
    /// Object ids of types (catalogue `pg_type`; fixed for ever).
    private enum Kind {
        case flag, integer, real, bytes, json, moment, time, text
        indirect case array(Kind)

        init(_ type: UInt32) {
            switch type {
            case 16: self = .flag
            case 17: self = .bytes
            case 20, 21, 23, 26: self = .integer
            case 700, 701: self = .real
            case 114, 3802: self = .json
            case 1114: self = .time
            case 1184: self = .moment
            case 1000: self = .array(.flag)
            case 1001: self = .array(.bytes)
            case 1005, 1007, 1016, 1028: self = .array(.integer)
            case 1021, 1022: self = .array(.real)
            case 199, 3807: self = .array(.json)
            case 1115: self = .array(.time)
            case 1185: self = .array(.moment)
            // char, varchar, text, numeric, uuid, date, time, timetz, interval, inet, cidr
            case 1002, 1014, 1015, 1009, 1231, 2951, 1182, 1183, 1270, 1187, 1041, 651: self = .array(.text)
            default: self = .text
            }
        }
    }

    /// - Parameter bytes: nil for null.
    static func value(_ bytes: UnsafeRawBufferPointer?, type: UInt32) -> SQLValue {
        guard let bytes else { return .null }
        return value(bytes, Kind(type))
    }

    private static func value(_ bytes: UnsafeRawBufferPointer, _ kind: Kind) -> SQLValue {
        switch kind {
        case .flag: return .bool(bytes.first == UInt8(ascii: "t"))
        case .json: return .json([UInt8](bytes))
        case .bytes: return .bytes(unhex(bytes))
        case .text: return .text(String(decoding: bytes, as: UTF8.self))
        case .time: return .text(time(bytes))
        case .moment: return .text(moment(bytes))
        case .integer:
            let text = String(decoding: bytes, as: UTF8.self)
            return Int64(text).map { .integer($0) } ?? .text(text)
        case .real:
            let text = String(decoding: bytes, as: UTF8.self)
            // JSON has no word for what is no number.
            guard let number = Double(text), number.isFinite else { return .text(text) }
            return .real(number)
        case .array(let element):
            var reader = ArrayReader(bytes: bytes, element: element)
            if let json = reader.json() { return .json(json) }
            return .text(String(decoding: bytes, as: UTF8.self))
        }
    }

    /// `2026-01-31 12:00:00` as `2026-01-31T12:00:00`.
    private static func time(_ bytes: UnsafeRawBufferPointer) -> String {
        var text = [UInt8](bytes)
        if text.count > 10, text[10] == UInt8(ascii: " ") { text[10] = UInt8(ascii: "T") }
        return String(decoding: text, as: UTF8.self)
    }

    /// `2026-01-31 12:00:00.5+00` as `2026-01-31T12:00:00.5Z`. Years before Christ and `infinity` are as they are.
    private static func moment(_ bytes: UnsafeRawBufferPointer) -> String {
        let text = time(bytes)
        return text.hasSuffix("+00") ? text.dropLast(3) + "Z" : text
    }

    /// `\x00ff`, whose digits PostgreSQL vouches for.
    private static func unhex(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        func digit(_ byte: UInt8) -> UInt8 { byte >= UInt8(ascii: "a") ? byte - 87 : byte &- 48 }
        return stride(from: 2, to: bytes.count - 1, by: 2).map { digit(bytes[$0]) << 4 | digit(bytes[$0 + 1]) & 15 }
    }

    /// Turns `{1,NULL,"a\"b",{…}}` into JSON (PostgreSQL manual, 8.15.6).
    private struct ArrayReader: ~Copyable {
        let bytes: UnsafeRawBufferPointer
        let element: Kind
        var place = 0
        var out = JSONByteBuffer()

        /// nil for what is no array as we know it.
        mutating func json() -> [UInt8]? {
            // Bounds that do not begin with 1 are written before it: [0:2]={…}.
            if bytes.first == UInt8(ascii: "[") {
                guard let end = bytes.firstIndex(of: UInt8(ascii: "=")) else { return nil }
                place = end + 1
            }
            return list() && place == bytes.count ? out.bytes : nil
        }

        private mutating func list() -> Bool {
            guard take("{") else { return false }
            out.append("[")
            var isFirst = true
            while !take("}") {
                if !isFirst {
                    guard take(",") else { return false }
                    out.append(",")
                }
                isFirst = false
                guard place < bytes.count else { return false }
                guard bytes[place] == UInt8(ascii: "{") ? list() : item() else { return false }
            }
            out.append("]")
            return true
        }

        private mutating func item() -> Bool {
            var text: [UInt8] = []
            let isQuoted = take("\"")
            while place < bytes.count {
                var byte = bytes[place]
                if isQuoted ? byte == UInt8(ascii: "\"") : byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}") {
                    break
                }
                place += 1
                if byte == UInt8(ascii: "\\"), place < bytes.count {
                    byte = bytes[place]
                    place += 1
                }
                text.append(byte)
            }
            guard !isQuoted || take("\"") else { return false }
            if !isQuoted, text == Array("NULL".utf8) {
                out.append("null")
                return true
            }
            switch text.withUnsafeBytes({ PostgresText.value($0, element) }) {
            case .null: out.append("null")
            case .bool(let flag): out.append(flag ? "true" : "false")
            case .integer(let number): out.append(integer: number)
            case .real(let number): JSONWriter.write(number, into: &out)
            case .text(let text): JSONWriter.write(text, into: &out)
            case .bytes(let bytes): JSONWriter.write(Base64.text(bytes), into: &out)
            case .json(let text): out.append(text)
            }
            return true
        }

        private mutating func take(_ character: Character) -> Bool {
            guard place < bytes.count, bytes[place] == character.asciiValue else { return false }
            place += 1
            return true
        }
    }
}
