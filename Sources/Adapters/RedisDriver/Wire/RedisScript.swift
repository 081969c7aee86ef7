import Crypto

/// A Lua script. It is sent by its digest; a server that does not know it yet is sent the text, once.
package final class RedisScript: Sendable {
    package let text: String
    /// The digest the server knows it by: SHA-1 in lower-case hexadecimal digits.
    package let digest: String
    /// `EVALSHA` and the digest; `EVAL` and the text; as bulk strings.
    let byDigest: [UInt8]
    let byText: [UInt8]

    package init(_ text: String) {
        self.text = text
        let hex = Array("0123456789abcdef".utf8)
        digest = String(
            decoding: Insecure.SHA1.hash(data: Array(text.utf8)).flatMap { [hex[Int($0 >> 4)], hex[Int($0 & 15)]] },
            as: UTF8.self)
        byDigest = Array("$7\r\nEVALSHA\r\n$40\r\n\(digest)\r\n".utf8)
        byText = Array("$4\r\nEVAL\r\n$\(text.utf8.count)\r\n\(text)\r\n".utf8)
    }
}
