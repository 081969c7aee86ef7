/// Base64 (RFC 4648, section 4), hex and percent-encoding (RFC 3986, section 2).
enum TextCoding {
    /// - Returns: `nil` where the input cannot be decoded.
    static func change(_ name: LogicOperator, _ bytes: [UInt8]) -> [UInt8]? {
        switch name {
        case .base64Encode: encodeBase64(bytes)
        case .base64Decode: decodeBase64(bytes)
        case .hexEncode: bytes.flatMap { [hexDigits[Int($0 >> 4)], hexDigits[Int($0 & 15)]] }
        case .hexDecode: decodeHex(bytes)
        case .urlEncode: encodePercent(bytes)
        case .urlDecode: decodePercent(bytes)
        default: nil
        }
    }

    private static let hexDigits = Array("0123456789abcdef".utf8)
    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    private static func encodeBase64(_ bytes: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for place in 0..<4 {
                text.append(
                    place <= group.count ? letters[Int(bits >> UInt32(18 - 6 * place) & 63)] : UInt8(ascii: "="))
            }
        }
        return text
    }

    private static func decodeBase64(_ text: [UInt8]) -> [UInt8]? {
        var bits: UInt32 = 0
        var count = 0
        var bytes: [UInt8] = []
        for letter in text.prefix(while: { $0 != UInt8(ascii: "=") }) {
            guard let value = letters.firstIndex(of: letter) else { return nil }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return count < 6 ? bytes : nil
    }

    static func nibble(_ byte: UInt8) -> UInt8? {
        hexDigits.firstIndex(of: byte | (byte > 64 ? 0x20 : 0)).map { UInt8($0) }
    }

    private static func decodeHex(_ text: [UInt8]) -> [UInt8]? {
        guard text.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        for place in stride(from: 0, to: text.count, by: 2) {
            guard let high = nibble(text[place]), let low = nibble(text[place + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func encodePercent(_ bytes: [UInt8]) -> [UInt8] {
        bytes.flatMap { byte -> [UInt8] in
            switch byte {
            case 48...57, 65...90, 97...122, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                [byte]
            default: [UInt8(ascii: "%")] + [byte >> 4, byte & 15].map { $0 < 10 ? 48 + $0 : 55 + $0 }
            }
        }
    }

    private static func decodePercent(_ text: [UInt8]) -> [UInt8]? {
        var bytes: [UInt8] = []
        var place = 0
        while place < text.count {
            if text[place] == UInt8(ascii: "%") {
                guard place + 2 < text.count, let high = nibble(text[place + 1]), let low = nibble(text[place + 2])
                else {
                    return nil
                }
                bytes.append(high << 4 | low)
                place += 3
            } else {
                bytes.append(text[place])
                place += 1
            }
        }
        return bytes
    }
}
