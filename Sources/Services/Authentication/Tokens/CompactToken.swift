package import JSONTree
import Vocabulary

/// A signed token in its compact form (RFC 7515, section 7.1), taken apart but not believed.
package struct CompactToken: Sendable {
    package let algorithm: TokenAlgorithm
    package let keyID: String?
    /// The header and the claims as they were sent, with the dot between them.
    let signedBytes: [UInt8]
    let signature: [UInt8]
    private let claimBytes: [UInt8]

    private static let limits = JSONLimits(depth: 16)

    /// Reads the header. Only `alg` and `kid` are looked at: keys, certificates and addresses in it are never followed,
    /// and a header that says something must be understood (`crit`) is refused.
    package init(
        _ text: String, allowing algorithms: [TokenAlgorithm], scratch arena: JSONArena
    ) throws(CallerRefusal) {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let head = Base64.bytes(parts[0], .url), let claims = Base64.bytes(parts[1], .url),
            let signature = Base64.bytes(parts[2], .url), !signature.isEmpty,
            let header = try? JSONReader.parse(head, in: arena, limits: Self.limits), header.isObject,
            header.member("crit") == nil, let name = header.member("alg")?.stringValue
        else { throw .malformed }
        guard let algorithm = TokenAlgorithm(rawValue: name), algorithms.contains(algorithm) else {
            throw .algorithm
        }
        let keyID = header.member("kid")
        guard keyID.map({ $0.isString || $0.isNull }) ?? true else { throw .malformed }
        self.algorithm = algorithm
        self.keyID = keyID?.stringValue
        self.signature = signature
        signedBytes = Array(parts[0]) + [UInt8(ascii: ".")] + Array(parts[1])
        claimBytes = claims
    }

    /// The claims, in `arena`: an object.
    package func claims(in arena: JSONArena) throws(CallerRefusal) -> JSONValue {
        guard let claims = try? JSONReader.parse(claimBytes, in: arena, limits: Self.limits), claims.isObject else {
            throw .malformed
        }
        return claims
    }
}
