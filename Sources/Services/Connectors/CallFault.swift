import Outbound

/// Why an attempt through an http connector brought no reply.
enum CallFault: Error {
    case outbound(OutboundFailure)
    /// There was no access token to send.
    case token(OAuth2Fault)

    /// Whether the other side may be fine in a moment.
    var isPassing: Bool {
        switch self {
        case .outbound(let failure): CallRetry.isPassing(failure)
        case .token(.unavailable), .token(.timedOut): true
        case .token(.refused), .token(.notAllowed): false
        }
    }

    /// For spans.
    var kind: String {
        switch self {
        case .outbound(.timedOut): "timeout"
        case .outbound(.unreachable): "unreachable"
        case .outbound(.refusedAddress): "refused_address"
        case .outbound(.tooLarge): "too_large"
        case .outbound(.malformed): "malformed"
        case .outbound(.notRecorded): "not_recorded"
        case .token: "no_access_token"
        }
    }
}
