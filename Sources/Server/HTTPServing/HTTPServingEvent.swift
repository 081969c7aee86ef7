/// What happens at the listener that operators want to know of.
package enum HTTPServingEvent: Sendable {
    /// A connection was closed at once: there are too many.
    case refused
    /// The same, because of too many from one address.
    case refusedClient
    /// A client spoke no TLS, or none that is accepted.
    case handshakeFailed
}
