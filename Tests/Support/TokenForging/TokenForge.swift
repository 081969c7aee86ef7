import Crypto
import CryptoExtras
import Foundation

/// Makes tokens, good and bad, with keys of its own: by swift-crypto alone, so that the library under test does not vouch
/// for itself.
package struct TokenForge: Sendable {
    package let rsa: _RSA.Signing.PrivateKey
    package let p256 = P256.Signing.PrivateKey()
    package let p384 = P384.Signing.PrivateKey()
    package let p521 = P521.Signing.PrivateKey()
    package let ed25519 = Curve25519.Signing.PrivateKey()
    package let secret = Data((0..<64).map { UInt8(97 + $0 * 7 % 26) })

    package init() throws { rsa = try _RSA.Signing.PrivateKey(keySize: .bits2048) }

    package static let algorithms = [
        "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
        "EdDSA",
    ]

    package var secretText: String { String(decoding: secret, as: UTF8.self) }

    /// What verifies tokens of an algorithm: the secret, or the public key as PEM.
    package func verificationKey(for algorithm: String) -> String {
        switch algorithm {
        case "ES256": p256.publicKey.pemRepresentation
        case "ES384": p384.publicKey.pemRepresentation
        case "ES512": p521.publicKey.pemRepresentation
        case "EdDSA": Self.pem(ed25519.publicKey)
        case let name where name.hasPrefix("HS"): secretText
        default: rsa.publicKey.pemRepresentation
        }
    }

    /// RFC 8410: the key behind a fixed beginning.
    private static func pem(_ key: Curve25519.Signing.PublicKey) -> String {
        let der =
            Data([0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00]) + key.rawRepresentation
        return "-----BEGIN PUBLIC KEY-----\n\(der.base64EncodedString())\n-----END PUBLIC KEY-----\n"
    }

    /// The same as a member of a key set.
    package func jwk(for algorithm: String, id: String, more: String = "") throws -> String {
        func point(_ raw: Data, _ curve: String) -> String {
            let half = raw.count / 2
            return
                #""kty":"EC","crv":"\#(curve)","x":"\#(Self.encode(raw.prefix(half)))","y":"\#(Self.encode(raw.suffix(half)))""#
        }
        let members: String
        switch algorithm {
        case "ES256": members = point(p256.publicKey.rawRepresentation, "P-256")
        case "ES384": members = point(p384.publicKey.rawRepresentation, "P-384")
        case "ES512": members = point(p521.publicKey.rawRepresentation, "P-521")
        case "EdDSA":
            members = #""kty":"OKP","crv":"Ed25519","x":"\#(Self.encode(ed25519.publicKey.rawRepresentation))""#
        default:
            let numbers = try rsa.publicKey.getKeyPrimitives()
            members =
                #""kty":"RSA","n":"\#(Self.encode(numbers.modulus))","e":"\#(Self.encode(numbers.publicExponent))""#
        }
        return "{\(members),\"kid\":\"\(id)\"\(more)}"
    }

    package func sign(_ algorithm: String, claims: String, kid: String? = nil) throws -> String {
        let id = kid.map { #","kid":"\#($0)""# } ?? ""
        return try sign(header: #"{"alg":"\#(algorithm)","typ":"JWT"\#(id)}"#, claims: claims, as: algorithm)
    }

    package func sign(header: String, claims: String, as algorithm: String) throws -> String {
        let text = Self.encode(Data(header.utf8)) + "." + Self.encode(Data(claims.utf8))
        return text + "." + Self.encode(try signature(Data(text.utf8), algorithm))
    }

    private func signature(_ data: Data, _ algorithm: String) throws -> Data {
        let isPSS = algorithm.hasPrefix("PS")
        let padding: _RSA.Signing.Padding = isPSS ? .PSS : .insecurePKCS1v1_5
        switch algorithm {
        case "HS256": return Self.code(data, SymmetricKey(data: secret))
        case "HS384": return Data(HMAC<SHA384>.authenticationCode(for: data, using: SymmetricKey(data: secret)))
        case "HS512": return Data(HMAC<SHA512>.authenticationCode(for: data, using: SymmetricKey(data: secret)))
        case "RS256", "PS256":
            return try rsa.signature(for: SHA256.hash(data: data), padding: padding).rawRepresentation
        case "RS384", "PS384":
            return try rsa.signature(for: SHA384.hash(data: data), padding: padding).rawRepresentation
        case "RS512", "PS512":
            return try rsa.signature(for: SHA512.hash(data: data), padding: padding).rawRepresentation
        case "ES256": return try p256.signature(for: SHA256.hash(data: data)).rawRepresentation
        case "ES384": return try p384.signature(for: SHA384.hash(data: data)).rawRepresentation
        case "ES512": return try p521.signature(for: SHA512.hash(data: data)).rawRepresentation
        case "EdDSA": return try ed25519.signature(for: data)
        default: return Data()
        }
    }

    private static func code(_ data: Data, _ key: SymmetricKey) -> Data {
        Data(HMAC<SHA256>.authenticationCode(for: data, using: key))
    }

    /// A token that says HS256 and is signed with the text of a public key as the secret.
    package func confused(_ pem: String, claims: String) -> String {
        let text = Self.encode(Data(#"{"alg":"HS256","typ":"JWT"}"#.utf8)) + "." + Self.encode(Data(claims.utf8))
        return text + "." + Self.encode(Self.code(Data(text.utf8), SymmetricKey(data: Data(pem.utf8))))
    }

    /// Base64url without padding.
    package static func encode(_ data: Data) -> String {
        data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    /// HMAC-SHA256 in hex, as webhooks are signed.
    package static func signature(_ text: String, secret: String) -> String {
        code(Data(text.utf8), SymmetricKey(data: Data(secret.utf8))).map {
            ($0 < 16 ? "0" : "") + String($0, radix: 16)
        }.joined()
    }
}
