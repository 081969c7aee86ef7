/// How tokens are signed (RFC 7518, section 3.1; RFC 8037, section 3.1). `none` is no case, so nothing can ask for it.
package enum TokenAlgorithm: String, Sendable, CaseIterable {
    case hs256 = "HS256"
    case hs384 = "HS384"
    case hs512 = "HS512"
    case rs256 = "RS256"
    case rs384 = "RS384"
    case rs512 = "RS512"
    case ps256 = "PS256"
    case ps384 = "PS384"
    case ps512 = "PS512"
    case es256 = "ES256"
    case es384 = "ES384"
    case es512 = "ES512"
    case eddsa = "EdDSA"

    /// What kind of key it takes. A key of one kind is never used as one of another.
    package enum KeyKind: Sendable { case secret, rsa, p256, p384, p521, ed25519 }

    package var keyKind: KeyKind {
        switch self {
        case .hs256, .hs384, .hs512: .secret
        case .rs256, .rs384, .rs512, .ps256, .ps384, .ps512: .rsa
        case .es256: .p256
        case .es384: .p384
        case .es512: .p521
        case .eddsa: .ed25519
        }
    }

    /// Bytes a shared secret must have: those of the hash (RFC 7518, section 3.2).
    package var leastSecretBytes: Int {
        switch self {
        case .hs384: 48
        case .hs512: 64
        default: 32
        }
    }

    package static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
