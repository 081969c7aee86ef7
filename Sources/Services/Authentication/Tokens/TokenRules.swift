/// What a channel asks of the tokens of its callers.
package struct TokenRules: Sendable {
    /// Where the token is looked for.
    package enum Source: Sendable, Equatable {
        /// - scheme: what stands before it; empty for nothing.
        case header(name: String, scheme: String)
        case cookie(name: String)
    }

    package var algorithms: [TokenAlgorithm]
    package var keys: [TokenKey] = []
    package var keySetURL: String?
    package var claims = ClaimRules()
    /// Whether a caller without a token is refused.
    package var isRequired = true
    package var source = Source.header(name: "authorization", scheme: "Bearer")
    package var maxTokenBytes = 8192
    /// The claims workflows see; nil for all.
    package var visibleClaims: [String]?

    package init(algorithms: [TokenAlgorithm]) { self.algorithms = algorithms }
}
