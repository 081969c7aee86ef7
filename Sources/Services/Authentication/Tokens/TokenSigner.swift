import JWTKit
import Vocabulary

/// Signs tokens with a shared secret or the private half of a pair.
package struct TokenSigner: Sendable {
    private enum Material: Sendable {
        case secret([UInt8])
        case rsa(Insecure.RSA.PrivateKey)
        case p256(ES256PrivateKey)
        case p384(ES384PrivateKey)
        case p521(ES512PrivateKey)
        case ed25519(EdDSA.PrivateKey)
    }

    package let algorithm: TokenAlgorithm
    private let material: Material

    /// - Parameter key: the secret, or a private key as PEM (PKCS #8).
    package init(_ key: String, algorithm: TokenAlgorithm, encoding: TokenKey.Encoding) throws(TokenKey.Fault) {
        self.algorithm = algorithm
        guard algorithm.keyKind != .secret else {
            material = .secret(try TokenKey.secret(key, algorithm, encoding))
            return
        }
        do {
            switch algorithm.keyKind {
            case .rsa: material = .rsa(try .init(pem: key))
            case .p256: material = .p256(try .init(pem: key))
            case .p384: material = .p384(try .init(pem: key))
            case .p521: material = .p521(try .init(pem: key))
            case .ed25519: material = .ed25519(try .init(pem: key))
            case .secret: throw TokenKey.Fault("A shared secret is no private key.")
            }
        } catch {
            throw TokenKey.Fault(
                "This is no private key in PEM form that fits \(algorithm.rawValue) (RSA needs at least 2048 bits).")
        }
    }

    /// - Parameter claims: a JSON object.
    /// - Returns: the token in its compact form.
    package func sign(_ claims: [UInt8], keyID: [UInt8]?) async throws -> String {
        // The members of a header are in the order of RFC 7519's examples; the key's name is JSON already.
        var header = Array("{\"alg\":\"\(algorithm.rawValue)\",\"typ\":\"JWT\"".utf8)
        if let keyID { header += Array(",\"kid\":".utf8) + keyID }
        header.append(UInt8(ascii: "}"))
        let text = Base64.text(header, .url) + "." + Base64.text(claims, .url)
        let signature = try await ready().sign(Array(text.utf8))
        return text + "." + Base64.text(signature, .url)
    }

    private func ready() async throws -> any JWTAlgorithm {
        let keys = JWTKeyCollection()
        let digest = algorithm.digest
        switch material {
        case .secret(let bytes): await keys.add(hmac: HMACKey(key: .init(data: bytes)), digestAlgorithm: digest)
        case .rsa(let key) where algorithm.isPSS: await keys.add(pss: key, digestAlgorithm: digest)
        case .rsa(let key): await keys.add(rsa: key, digestAlgorithm: digest)
        case .p256(let key): await keys.add(ecdsa: key)
        case .p384(let key): await keys.add(ecdsa: key)
        case .p521(let key): await keys.add(ecdsa: key)
        case .ed25519(let key): await keys.add(eddsa: key)
        }
        return try await keys.getKey()
    }
}

extension TokenAlgorithm {
    var digest: DigestAlgorithm {
        switch self {
        case .hs384, .rs384, .ps384, .es384: .sha384
        case .hs512, .rs512, .ps512, .es512: .sha512
        case .hs256, .rs256, .ps256, .es256, .eddsa: .sha256
        }
    }

    var isPSS: Bool { self == .ps256 || self == .ps384 || self == .ps512 }
}
