import Glibc

/// An IP address as its bytes; an IPv4 address that is written as IPv6 is the IPv4 address.
struct NetworkAddress: Sendable, Equatable {
    let bytes: [UInt8]

    /// - Parameter text: one address; brackets, a port and a zone are left out.
    init?(_ text: some StringProtocol) {
        var host = Substring(text).drop { $0 == " " || $0 == "\t" || $0 == "\"" }
        while let last = host.last, last == " " || last == "\t" || last == "\"" { host = host.dropLast() }
        if host.first == "[", let end = host.firstIndex(of: "]") {
            host = host[host.index(after: host.startIndex)..<end]
        } else if host.count(where: { $0 == ":" }) == 1, let colon = host.firstIndex(of: ":") {
            host = host[..<colon]
        }
        host = host.prefix { $0 != "%" }
        guard host.utf8.count <= 45 else { return nil }
        var four = in_addr()
        var six = in6_addr()
        let name = String(host)
        if inet_pton(AF_INET, name, &four) == 1 {
            bytes = withUnsafeBytes(of: &four) { Array($0) }
        } else if inet_pton(AF_INET6, name, &six) == 1 {
            let all = withUnsafeBytes(of: &six) { Array($0) }
            let isMapped = all[..<10].allSatisfy { $0 == 0 } && all[10] == 0xFF && all[11] == 0xFF
            bytes = isMapped ? Array(all[12...]) : all
        } else {
            return nil
        }
    }

    /// As it is usually written, the same for every way of writing it.
    var text: String {
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        return bytes.withUnsafeBytes { source in
            guard inet_ntop(family, source.baseAddress, &buffer, socklen_t(buffer.count)) != nil else { return "" }
            return buffer.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }
    }
}

/// A range of addresses: `10.0.0.0/8`, `2001:db8::/32`, or one address.
struct AddressBlock: Sendable, Equatable {
    private let address: [UInt8]
    private let bits: Int

    init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let base = NetworkAddress(parts[0]) else { return nil }
        address = base.bytes
        guard parts.count == 2 else {
            bits = address.count * 8
            return
        }
        guard let length = Int(parts[1]), (0...address.count * 8).contains(length) else { return nil }
        bits = length
    }

    func contains(_ other: NetworkAddress) -> Bool {
        guard other.bytes.count == address.count else { return false }
        let whole = bits / 8
        guard other.bytes[..<whole] == address[..<whole] else { return false }
        guard bits % 8 > 0 else { return true }
        let mask = UInt8.max << UInt8(8 - bits % 8)
        return other.bytes[whole] & mask == address[whole] & mask
    }
}
