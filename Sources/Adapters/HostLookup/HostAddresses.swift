import Glibc

/// Names and addresses of the system, for whoever judges an address before it is called.
package enum HostAddresses {
    package struct Found: Sendable {
        /// 4 or 16.
        package var bytes: [UInt8]
        /// As it is written out, with the scope of a link-local address.
        package var text: String

        package init(bytes: [UInt8], text: String) {
            self.bytes = bytes
            self.text = text
        }
    }

    /// Looks a name up, or reads an address that is written out. Blocks for as long as the system's resolver likes.
    package static func look(up host: String) -> [Found] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [Found] = []
        var next = list
        while let entry = next {
            next = entry.pointee.ai_next
            guard let address = entry.pointee.ai_addr, let bytes = bytes(of: address),
                let text = text(of: address, length: entry.pointee.ai_addrlen)
            else { continue }
            found.append(Found(bytes: bytes, text: text))
        }
        return found
    }

    /// Whom a socket leads to; nil while it leads to nobody.
    package static func peer(of socket: Int32) -> [UInt8]? {
        withUnsafeTemporaryAllocation(of: sockaddr_storage.self, capacity: 1) { storage in
            guard let base = storage.baseAddress else { return nil }
            return base.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
                return getpeername(socket, address, &length) == 0 ? bytes(of: address) : nil
            }
        }
    }

    private static func bytes(of address: UnsafePointer<sockaddr>) -> [UInt8]? {
        let raw = UnsafeRawPointer(address)
        switch Int32(address.pointee.sa_family) {
        case AF_INET: return withUnsafeBytes(of: raw.loadUnaligned(as: sockaddr_in.self).sin_addr) { Array($0) }
        case AF_INET6: return withUnsafeBytes(of: raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr) { Array($0) }
        default: return nil
        }
    }

    private static func text(of address: UnsafePointer<sockaddr>, length: socklen_t) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(NI_MAXHOST)) { buffer in
            guard let base = buffer.baseAddress,
                getnameinfo(address, length, base, socklen_t(NI_MAXHOST), nil, 0, NI_NUMERICHOST) == 0
            else { return nil }
            return String(cString: base)
        }
    }
}
