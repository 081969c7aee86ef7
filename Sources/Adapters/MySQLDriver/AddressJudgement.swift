import Glibc

/// Says which addresses may be called. An address is 4 or 16 bytes; none stand for a Unix socket.
package typealias AddressJudgement = @Sendable ([UInt8]) -> Bool

/// Names and addresses of the system.
enum HostAddresses {
    struct Found {
        var bytes: [UInt8]
        /// As it is written out.
        var text: String
    }

    /// Looks a name up, which blocks for as long as the system's resolver likes.
    static func look(up host: String) -> [Found] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [Found] = []
        var next = list
        while let entry = next {
            next = entry.pointee.ai_next
            if let address = entry.pointee.ai_addr, let bytes = bytes(of: address) {
                found.append(Found(bytes: bytes, text: text(of: bytes)))
            }
        }
        return found
    }

    /// Whom a socket leads to; nil while it leads to nobody.
    static func peer(of socket: Int32) -> [UInt8]? {
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

    private static func text(of bytes: [UInt8]) -> String {
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { buffer in
            guard let base = buffer.baseAddress,
                inet_ntop(family, bytes, base, socklen_t(INET6_ADDRSTRLEN)) != nil
            else { return "" }
            return String(cString: base)
        }
    }
}
