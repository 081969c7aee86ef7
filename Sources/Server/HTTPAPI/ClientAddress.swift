import HTTPServing

/// Who is asking: the peer's address, or what a trusted proxy says it forwarded for.
///
/// Headers are believed only where the peer is a configured proxy, and then the right-most address that is not itself
/// a trusted proxy counts: everything left of it can be made up by the client.
package struct ClientAddress: Sendable {
    private let trusted: [AddressBlock]

    /// - Parameter trustedProxies: addresses and ranges such as `10.0.0.0/8`; see ``fault(in:)``.
    package init(trustedProxies: [String]) { trusted = trustedProxies.compactMap(AddressBlock.init) }

    /// What is wrong with the setting, in a sentence; nil where nothing is.
    package static func fault(in trustedProxies: [String]) -> String? {
        trustedProxies.first { AddressBlock($0) == nil }.map {
            "`\($0)` in rate_limit.trusted_proxies is neither an address nor a range such as 10.0.0.0/8."
        }
    }

    package func isProxy(_ peer: String) -> Bool {
        !trusted.isEmpty && NetworkAddress(peer).map(isTrusted) ?? false
    }

    private func isTrusted(_ address: NetworkAddress) -> Bool { trusted.contains { $0.contains(address) } }

    func client(of request: HTTPRequest) -> String {
        guard !trusted.isEmpty else { return request.peer }
        var hops: [String] = []
        var realAddress: String?
        request.forEachHeader { name, value in
            // A proxy may add a line of its own instead of adding to the client's: the lines are one list.
            if name.count == 15, Self.isNamed(name, "x-forwarded-for") {
                hops.append(String(decoding: value, as: UTF8.self))
            } else if name.count == 9, Self.isNamed(name, "x-real-ip") {
                realAddress = String(decoding: value, as: UTF8.self)
            }
        }
        return client(peer: request.peer, forwardedFor: hops, realAddress: realAddress)
    }

    /// - Parameters:
    ///   - forwardedFor: the values of `X-Forwarded-For`, in order.
    ///   - realAddress: the value of `X-Real-IP`, believed where there is no other.
    func client(peer: String, forwardedFor: [String], realAddress: String?) -> String {
        guard let address = NetworkAddress(peer), isTrusted(address) else { return peer }
        let hops = forwardedFor.flatMap { $0.split(separator: ",") }.suffix(Self.mostHops)
        guard !hops.isEmpty else {
            return realAddress.flatMap { NetworkAddress($0) }?.text ?? peer
        }
        var last = address
        for hop in hops.reversed() {
            // What is no address was not written by our proxy: nothing left of it can be believed either.
            guard let next = NetworkAddress(hop) else { break }
            last = next
            if !isTrusted(next) { break }
        }
        return last.text
    }

    /// Proxies in a row that are followed.
    private static let mostHops = 32

    private static func isNamed(_ name: UnsafeRawBufferPointer, _ lowercase: String) -> Bool {
        zip(name, lowercase.utf8).allSatisfy { ($0 >= 65 && $0 <= 90 ? $0 | 32 : $0) == $1 }
    }
}
