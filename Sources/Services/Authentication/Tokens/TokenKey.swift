package import JSONTree
import JWTKit
import Vocabulary

/// A key that tokens are checked with: a shared secret, or the public half of a pair.
package struct TokenKey: Sendable {
    enum Material: Sendable {
        case secret([UInt8])
        case rsa(Insecure.RSA.PublicKey)
        case p256(ES256PublicKey)
        case p384(ES384PublicKey)
        case p521(ES512PublicKey)
        case ed25519(EdDSA.PublicKey)
    }

    /// The `kid` that asks for it; nil for any.
    package let id: String?
    /// The algorithms it may be used with: all of one kind.
    package let algorithms: [TokenAlgorithm]
    let material: Material

    /// How a shared secret is written.
    package enum Encoding: String, Sendable, CaseIterable { case utf8, base64, hex }

    /// Why a text is no key, in a sentence without the key.
    package struct Fault: Error, Sendable, Equatable {
        package let message: String

        init(_ message: String) { self.message = message }
    }

    /// A key out of a definition.
    ///
    /// - Parameter text: the secret, or a public key or certificate as PEM. What begins like PEM is never a secret.
    package init(
        _ text: String, algorithm: TokenAlgorithm, id: String?, encoding: Encoding = .utf8
    ) throws(Fault) {
        self.id = id
        algorithms = [algorithm]
        guard algorithm.keyKind == .secret else {
            material = try Self.publicKey(text, algorithm.keyKind)
            return
        }
        material = .secret(try Self.secret(text, algorithm, encoding))
    }

    static func secret(
        _ text: String, _ algorithm: TokenAlgorithm, _ encoding: Encoding
    ) throws(Fault) -> [UInt8] {
        guard !text.contains("-----BEGIN ") else {
            throw Fault("This is a key in PEM form; \(algorithm.rawValue) takes a shared secret.")
        }
        let bytes: [UInt8]? =
            switch encoding {
            case .utf8: Array(text.utf8)
            case .base64: Base64.bytes(text.utf8) ?? Base64.bytes(text.utf8, .url)
            case .hex: SignatureEncoding.hex.decode(text)
            }
        guard let bytes else { throw Fault("This is no \(encoding.rawValue).") }
        guard bytes.count >= algorithm.leastSecretBytes else {
            throw Fault(
                "\(algorithm.rawValue) needs a secret of at least \(algorithm.leastSecretBytes) bytes; this has \(bytes.count)."
            )
        }
        return bytes
    }

    private static func publicKey(_ pem: String, _ kind: TokenAlgorithm.KeyKind) throws(Fault) -> Material {
        guard !pem.contains("PRIVATE KEY-----") else {
            throw Fault("This is a private key; give the public one, which is enough to check tokens.")
        }
        let isCertificate = pem.contains("-----BEGIN CERTIFICATE-----")
        do {
            switch kind {
            case .rsa: return .rsa(try isCertificate ? .init(certificatePEM: pem) : .init(pem: pem))
            case .p256: return .p256(try isCertificate ? .init(certificate: pem) : .init(pem: pem))
            case .p384: return .p384(try isCertificate ? .init(certificate: pem) : .init(pem: pem))
            case .p521: return .p521(try isCertificate ? .init(certificate: pem) : .init(pem: pem))
            case .ed25519: return .ed25519(try .init(pem: pem))
            case .secret: throw Fault("A shared secret is no public key.")
            }
        } catch {
            // The library's reasons may quote the key.
            throw Fault("This is no public key in PEM form that fits the algorithm (RSA needs at least 2048 bits).")
        }
    }

    /// A key of a key set (RFC 7517): nil for what signs no tokens, and for what we do not know.
    ///
    /// Symmetric keys are not taken from a document that everybody can read.
    package init?(jwk: JSONValue) {
        func text(_ name: StaticString) -> String? { jwk.member(name)?.stringValue }
        guard text("use").map({ $0 == "sig" }) ?? true, let material = Self.material(jwk, text("kty"), text("crv"))
        else { return nil }
        let usable = TokenAlgorithm.allCases.filter { $0.keyKind == material.kind }
        let pinned = text("alg").map { name in usable.filter { $0.rawValue == name } } ?? usable
        guard !pinned.isEmpty else { return nil }
        id = text("kid")
        algorithms = pinned
        self.material = material
    }

    private static func material(_ jwk: JSONValue, _ type: String?, _ curve: String?) -> Material? {
        func text(_ name: StaticString) -> String { jwk.member(name)?.stringValue ?? "" }
        // A key that cannot be read is passed over, so that it does not shut out the others of its set.
        switch (type, curve) {
        case ("RSA", _):
            return (try? Insecure.RSA.PublicKey(modulus: text("n"), exponent: text("e"))).map { .rsa($0) }
        case ("EC", "P-256"): return (try? ES256PublicKey(parameters: (text("x"), text("y")))).map { .p256($0) }
        case ("EC", "P-384"): return (try? ES384PublicKey(parameters: (text("x"), text("y")))).map { .p384($0) }
        case ("EC", "P-521"): return (try? ES512PublicKey(parameters: (text("x"), text("y")))).map { .p521($0) }
        case ("OKP", "Ed25519"): return (try? EdDSA.PublicKey(x: text("x"), curve: .ed25519)).map { .ed25519($0) }
        default: return nil
        }
    }
}

extension TokenKey.Material {
    var kind: TokenAlgorithm.KeyKind {
        switch self {
        case .secret: .secret
        case .rsa: .rsa
        case .p256: .p256
        case .p384: .p384
        case .p521: .p521
        case .ed25519: .ed25519
        }
    }
}
