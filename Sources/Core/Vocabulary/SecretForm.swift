/// How a secret may be written where the secret itself is not: what is checked for its content must be neither.
package enum SecretForm {
    /// What is shown instead of a secret, and sent back to keep it.
    package static let mask = "******"
    /// Before a secret that is stored encrypted.
    package static let sealedPrefix = "sealed:v1:"

    /// A reference says where a secret is; it is none itself.
    package static func isReference(_ text: String) -> Bool { text.hasPrefix("env://") || text.hasPrefix("file://") }

    /// Whether the secret behind this text is known only later.
    package static func isHidden(_ text: String) -> Bool {
        text == mask || text.hasPrefix(sealedPrefix) || isReference(text)
    }
}
