import JSONTree
import Vocabulary

/// JSON Web Tokens (RFC 7519, with the cautions of RFC 8725): the algorithm must be on the channel's list and fit the
/// kind of the key, then the signature must hold, then the claims.
package struct TokenCheck: CallerChecking {
    private let rules: TokenRules
    private let keys: VerificationKeys
    private let remote: RemoteKeySet?

    /// - Throws: where a key cannot be used.
    package init(_ rules: TokenRules, keySets: RemoteKeySets) async throws {
        self.rules = rules
        keys = try await VerificationKeys(rules.keys)
        remote = rules.keySetURL.map { keySets.set(at: $0) }
    }

    package func judge(_ evidence: CallerEvidence) -> CallerVerdict {
        do throws(CallerRefusal) {
            guard let text = try given(evidence) else {
                return rules.isRequired ? .refused(.missing) : .accepted(nil)
            }
            guard text.utf8.count <= rules.maxTokenBytes else { return .refused(.malformed) }
            let token = try CompactToken(text, allowing: rules.algorithms, scratch: evidence.arena)
            switch signer(of: token, evidence) {
            case .known: break
            case .stranger(let reason): return .refused(reason)
            case .undecided(let work): return .undecided(after: work)
            }
            let claims = try token.claims(in: evidence.arena)
            try rules.claims.check(claims, at: evidence.unixSeconds)
            var identity = CallerIdentity(mode: "jwt")
            identity.claims = claims
            identity.visibleClaims = visible(claims, in: evidence.arena)
            return .accepted(identity)
        } catch {
            return .refused(error)
        }
    }

    private enum Signer {
        case known
        case stranger(CallerRefusal)
        case undecided((@Sendable () async -> Void)?)
    }

    private func signer(of token: CompactToken, _ evidence: CallerEvidence) -> Signer {
        if keys.haveSigned(token) { return .known }
        guard let remote else { return .stranger(keys.know(token) ? .signature : .unknownKey) }
        let published = remote.keys(at: evidence.nanoseconds)
        let knowsKey = published?.know(token) == true
        if evidence.mayWait, remote.advice(knowsKey: knowsKey, at: evidence.nanoseconds) == .fetchFirst {
            return .undecided { await remote.refresh() }
        }
        guard let published else { return .undecided(nil) }
        if published.haveSigned(token) { return .known }
        return .stranger(knowsKey ? .signature : .unknownKey)
    }

    /// The token as it came; nil where there is none.
    private func given(_ evidence: CallerEvidence) throws(CallerRefusal) -> String? {
        switch rules.source {
        case .header(let name, let scheme):
            guard let value = evidence.header(name), !value.isEmpty else { return nil }
            guard !scheme.isEmpty else { return value }
            guard let token = CredentialScheme.strip(scheme, from: value) else { throw .malformed }
            return token
        case .cookie(let name):
            guard let line = evidence.header("cookie") else { return nil }
            for pair in line.split(separator: ";") {
                let parts = pair.drop { $0 == " " }.split(
                    separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                if parts.count == 2, parts[0] == name { return String(parts[1]) }
            }
            return nil
        }
    }

    private func visible(_ claims: JSONValue, in arena: JSONArena) -> JSONValue {
        guard let names = rules.visibleClaims else { return claims }
        var members = JSONObjectBuilder(capacity: names.count, in: arena)
        for name in names {
            if let value = claims.member(name) { members.append(key: name, value) }
        }
        return members.finish()
    }

    package var hasUpkeep: Bool { remote != nil }

    package func upkeep(at now: UInt64) -> (@Sendable () async -> Void)? {
        guard let remote, remote.advice(knowsKey: true, at: now) == .useAndFetch else { return nil }
        return { await remote.refresh() }
    }
}
