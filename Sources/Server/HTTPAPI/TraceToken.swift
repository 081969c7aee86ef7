import Crypto

/// The secret that reads one trace. Its caller gets it once; only its SHA-256 is kept.
package struct TraceToken: Sendable {
    let text: String
    let hash: [UInt8]

    /// 192 random bits in hex.
    static func make() -> TraceToken {
        var random = SystemRandomNumberGenerator()
        let digits = Array("0123456789abcdef".utf8)
        let text = String(unsafeUninitializedCapacity: 48) { buffer in
            for word in 0..<3 {
                let bits = random.next()
                for nibble in 0..<16 { buffer[word * 16 + nibble] = digits[Int(bits >> UInt64(nibble * 4) & 15)] }
            }
            return 48
        }
        return TraceToken(text: text, hash: hash(of: text))
    }

    static func hash(of text: String) -> [UInt8] { Array(SHA256.hash(data: Array(text.utf8))) }

    /// Whether `text` is the token behind `hash`, in a time that does not depend on where they differ.
    package static func matches(_ text: String, _ hash: [UInt8]) -> Bool {
        let other = Self.hash(of: text)
        guard hash.count == other.count else { return false }
        return zip(hash, other).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
