import JWTKit
import Vocabulary

/// Keys made ready, so that checking a signature needs no wait: jwt-kit keeps its keys in an actor, which is asked once
/// for each key and algorithm, here, and never on the path of a request.
package struct VerificationKeys: Sendable {
    private struct Entry: Sendable {
        let id: String?
        let algorithm: TokenAlgorithm
        let verifier: any JWTAlgorithm
    }

    private let entries: [Entry]

    /// Keys that are tried for a token without a `kid`.
    private static let mostTries = 16

    package static let none = VerificationKeys(entries: [])

    private init(entries: [Entry]) { self.entries = entries }

    package init(_ keys: [TokenKey]) async throws {
        var entries: [Entry] = []
        for key in keys {
            for algorithm in key.algorithms {
                let verifier = try await Self.verifier(key.material, algorithm)
                entries.append(Entry(id: key.id, algorithm: algorithm, verifier: verifier))
            }
        }
        self.entries = entries
    }

    private static func verifier(
        _ material: TokenKey.Material, _ algorithm: TokenAlgorithm
    ) async throws -> any JWTAlgorithm {
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

    package var isEmpty: Bool { entries.isEmpty }

    private func candidates(for token: CompactToken) -> [Entry] {
        entries.filter { entry in
            // A key without an id is for every token; a token without one may be signed by any key.
            entry.algorithm == token.algorithm && (entry.id == nil || token.keyID == nil || entry.id == token.keyID)
        }
    }

    /// Whether any key could have signed it.
    package func know(_ token: CompactToken) -> Bool { !candidates(for: token).isEmpty }

    /// Whether one of the keys has signed it.
    package func haveSigned(_ token: CompactToken) -> Bool {
        candidates(for: token).prefix(Self.mostTries).contains { entry in
            // A signature that cannot be read is none.
            (try? entry.verifier.verify(token.signature, signs: token.signedBytes)) == true
        }
    }
}
