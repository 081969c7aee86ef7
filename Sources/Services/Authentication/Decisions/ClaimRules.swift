package import JSONTree

/// What the claims of a token must say (RFC 7519, section 4.1), in the abstract: told the time, it answers.
package struct ClaimRules: Sendable, Equatable {
    /// Any of them; empty for all.
    package var issuers: [String] = []
    /// Any of them; empty for all.
    package var audiences: [String] = []
    /// How far the clocks of the issuer and of this machine may differ, 0...300.
    package var leewaySeconds = 30
    package var requiresExpiry = true

    package init() {}

    /// - Parameter now: seconds since 1970.
    package func check(_ claims: JSONValue, at now: Int64) throws(CallerRefusal) {
        let (now, leeway) = (Double(now), Double(leewaySeconds))
        let expiry = try seconds(claims, "exp")
        guard expiry != nil || !requiresExpiry else { throw .malformed }
        if let expiry, now >= expiry + leeway { throw .expired }
        if let begin = try seconds(claims, "nbf"), now + leeway < begin { throw .notYetValid }
        if let issued = try seconds(claims, "iat"), now + leeway < issued { throw .notYetValid }
        if !issuers.isEmpty, !issuers.contains(claims.member("iss")?.stringValue ?? "") { throw .issuer }
        if !audiences.isEmpty, !isMeant(claims.member("aud")) { throw .audience }
    }

    private func seconds(_ claims: JSONValue, _ name: StaticString) throws(CallerRefusal) -> Double? {
        guard let value = claims.member(name) else { return nil }
        guard let seconds = value.doubleValue, seconds.isFinite else { throw .malformed }
        return seconds
    }

    private func isMeant(_ audience: JSONValue?) -> Bool {
        guard let audience else { return false }
        if let one = audience.stringValue { return audiences.contains(one) }
        guard audience.isArray else { return false }
        return (0..<audience.count).contains { audience[$0].stringValue.map(audiences.contains) ?? false }
    }
}
