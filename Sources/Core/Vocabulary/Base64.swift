/// Base 64 (RFC 4648): with padding and `+` `/` (section 4), or without and `-` `_` (section 5), as tokens have it.
package enum Base64 {
    package enum Alphabet: Sendable { case standard, url }

    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let urlLetters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    package static func text(_ bytes: some Collection<UInt8>, _ alphabet: Alphabet = .standard) -> String {
        let letters = alphabet == .url ? urlLetters : letters
        let bytes = Array(bytes)
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            let bits = part.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - part.count))
            for place in 0..<4 {
                if place <= part.count {
                    text.append(letters[Int(bits >> UInt32(18 - 6 * place) & 63)])
                } else if alphabet == .standard {
                    text.append(UInt8(ascii: "="))
                }
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes behind a text, strictly: no other letters, no white space, no bits left over. Padding is taken in the
    /// standard alphabet where it is right, and never in the other.
    ///
    /// - Returns: nil where the text is not what ``text(_:_:)`` could have written, padding aside.
    package static func bytes(_ text: some Collection<UInt8>, _ alphabet: Alphabet = .standard) -> [UInt8]? {
        var rest = Array(text)[...]
        if alphabet == .standard, rest.last == UInt8(ascii: "=") {
            guard rest.count % 4 == 0 else { return nil }
            rest = rest.dropLast()
            if rest.last == UInt8(ascii: "=") { rest = rest.dropLast() }
        }
        guard rest.count % 4 != 1 else { return nil }
        var bits: UInt32 = 0
        var count = 0
        var bytes: [UInt8] = []
        bytes.reserveCapacity(rest.count * 3 / 4)
        for letter in rest {
            guard let value = value(of: letter, alphabet) else { return nil }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
                bits &= (1 << UInt32(count)) - 1
            }
        }
        return bits == 0 ? bytes : nil
    }

    private static func value(of letter: UInt8, _ alphabet: Alphabet) -> UInt32? {
        switch letter {
        case 65...90: UInt32(letter - 65)
        case 97...122: UInt32(letter - 71)
        case 48...57: UInt32(letter + 4)
        case UInt8(ascii: "+") where alphabet == .standard: 62
        case UInt8(ascii: "/") where alphabet == .standard: 63
        case UInt8(ascii: "-") where alphabet == .url: 62
        case UInt8(ascii: "_") where alphabet == .url: 63
        default: nil
        }
    }
}
