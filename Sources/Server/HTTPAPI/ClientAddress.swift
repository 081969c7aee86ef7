import HTTPServing

/// Who is asking, for rate limits: the peer's address, or what a trusted proxy says it forwarded for.
///
/// Headers are believed only where the peer is a configured proxy, and then the right-most address that is not itself
/// a trusted proxy counts: everything left of it can be made up by the client.
package struct ClientAddress: Sendable {
    private let trustedProxies: Set<String>

    package init(trustedProxies: [String]) { self.trustedProxies = Set(trustedProxies) }

    func client(of request: HTTPRequest) -> String {
        guard !trustedProxies.isEmpty, trustedProxies.contains(request.peer) else { return request.peer }
        if let forwarded = request.header("x-forwarded-for") {
            for hop in forwarded.split(separator: ",").reversed() {
                let address = String(hop.drop { $0 == " " }.prefix { $0 != " " })
                if !address.isEmpty, !trustedProxies.contains(address) { return address }
            }
        }
        return request.header("x-real-ip") ?? request.peer
    }
}
