import Crypto
import Vocabulary

/// Keeps secrets unreadable where they are stored: AES-GCM with 256 bits, a fresh nonce each time.
package struct SecretBox: Sendable {
    private let key: SymmetricKey

    /// How a sealed secret begins.
    package static let sealedPrefix = SecretForm.sealedPrefix

    /// - Parameter key: 32 bytes.
    package init?(key: [UInt8]) {
        guard key.count == 32 else { return nil }
        self.key = SymmetricKey(data: key)
    }

    package static func isSealed(_ text: String) -> Bool { text.hasPrefix(sealedPrefix) }

    /// - Returns: nil only where the cipher fails, which it does not for texts of a sane size.
    func seal(_ text: String) -> String? {
        guard let box = try? AES.GCM.seal(Array(text.utf8), using: key).combined else { return nil }
        let digits = Array("0123456789abcdef".utf8)
        return Self.sealedPrefix
            + String(decoding: box.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// - Returns: nil where it was sealed with another key, or damaged.
    func open(_ sealed: String) -> String? {
        let digits = Array(sealed.dropFirst(Self.sealedPrefix.count).utf8)
        guard Self.isSealed(sealed), digits.count % 2 == 0 else { return nil }
        let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16)
        }
        guard let box = try? AES.GCM.SealedBox(combined: bytes), let text = try? AES.GCM.open(box, using: key) else {
            return nil
        }
        return String(decoding: text, as: UTF8.self)
    }
}
