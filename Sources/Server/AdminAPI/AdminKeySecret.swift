import Crypto
import Vocabulary

/// The SHA-256 of a key, compared in a time that does not depend on where two differ.
///
/// A plain hash is enough for the keys made here: they are 256 random bits, and nobody finds those by trying, however
/// fast the hash is. Slow hashes are for what people think up; keys in the settings are compared this way too, which is
/// why wrong ones cost time and short ones are better not chosen.
struct AdminKeyHash: Sendable {
    private let words: (UInt64, UInt64, UInt64, UInt64)

    init(of key: String) { self.init(digest: Array(SHA256.hash(data: Array(key.utf8)))) }

    /// - Parameter digest: 32 bytes; anything else matches no key.
    init(digest: [UInt8]) {
        func word(_ place: Int) -> UInt64 {
            digest.dropFirst(8 * place).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        }
        words = (word(0), word(1), word(2), word(3))
        isWhole = digest.count == 32
    }

    private let isWhole: Bool

    var bytes: [UInt8] {
        [words.0, words.1, words.2, words.3].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) }
        }
    }

    func matches(_ other: AdminKeyHash) -> Bool {
        let difference =
            (words.0 ^ other.words.0) | (words.1 ^ other.words.1) | (words.2 ^ other.words.2)
            | (words.3 ^ other.words.3)
        return difference == 0 && isWhole && other.isWhole
    }

    /// What the key is called where it must not be shown: `key-` and the first 16 hex digits of the hash of the hash.
    var principal: String {
        let digits = Array("0123456789abcdef".utf8)
        let name = SHA256.hash(data: bytes).prefix(8).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return "key-" + String(decoding: name, as: UTF8.self)
    }
}

/// A key that was just made. Its text leaves once, in the reply to whoever asked for it.
struct AdminKeySecret: Sendable {
    let text: String

    /// Characters of the text that lists show: the word in front and 30 random bits of the 256.
    private static let shownCharacters = 10

    var prefix: String { String(text.prefix(Self.shownCharacters)) }
    var hash: AdminKeyHash { AdminKeyHash(of: text) }

    /// `weir_` and 256 bits of the system's random numbers in base 64 for URLs (RFC 4648, section 5): the word in front
    /// lets scanners of repositories find keys that were checked in.
    static func make() -> AdminKeySecret {
        var random = SystemRandomNumberGenerator()
        let bytes = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
        let text = Base64.text(bytes).replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        return AdminKeySecret(text: "weir_" + text)
    }
}
