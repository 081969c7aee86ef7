/// Which addresses may be called from inside: anything a stranger could use to reach what only we can reach is refused.
///
/// IANA's special-purpose registries for IPv4 and IPv6 (RFC 6890 and updates).
package enum AddressRule {
    /// - Parameter bytes: 4 of an IPv4 address or 16 of an IPv6 address.
    /// - Returns: whether everybody may be there: nothing private, loopback, link-local, shared, reserved or multicast.
    package static func isPublic(_ bytes: [UInt8]) -> Bool {
        switch bytes.count {
        case 4: isPublicV4(bytes)
        case 16: isPublicV6(bytes)
        default: false
        }
    }

    /// Whether it is reached only from the same link, where clouds serve credentials: 169.254.0.0/16 (RFC 3927),
    /// fe80::/10 (RFC 4291) and the one unique local address that does the same, fd00:ec2::254.
    package static func isLinkLocal(_ bytes: [UInt8]) -> Bool {
        switch bytes.count {
        case 4: return bytes[0] == 169 && bytes[1] == 254
        case 16:
            if bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF {
                return isLinkLocal(Array(bytes[12...]))
            }
            let metadata: [UInt8] = [0xFD, 0, 0x0E, 0xC2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54]
            return bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80 || bytes == metadata
        default: return false
        }
    }

    private static func isPublicV4(_ bytes: [UInt8]) -> Bool {
        switch (bytes[0], bytes[1], bytes[2]) {
        case (0, _, _), (10, _, _), (127, _, _): false
        case (100, 64...127, _): false  // shared address space, RFC 6598
        case (169, 254, _): false  // link-local, cloud metadata among it
        case (172, 16...31, _), (192, 168, _): false
        case (192, 0, 0), (192, 0, 2), (192, 88, 99): false
        case (198, 18...19, _), (198, 51, 100), (203, 0, 113): false
        case (224...255, _, _): false  // multicast, reserved, broadcast
        default: true
        }
    }

    private static func isPublicV6(_ bytes: [UInt8]) -> Bool {
        let isZero = { (range: Range<Int>) in bytes[range].allSatisfy { $0 == 0 } }
        if isZero(0..<12) || isZero(0..<10) && bytes[10] == 0xFF && bytes[11] == 0xFF {
            return isPublicV4(Array(bytes[12..<16]))  // mapped, compatible, :: and ::1
        }
        // 64:ff9b::/96 and 2002::/16 carry an IPv4 address inside.
        if bytes[0] == 0, bytes[1] == 0x64, bytes[2] == 0xFF, bytes[3] == 0x9B {
            return isPublicV4(Array(bytes[12..<16]))
        }
        if bytes[0] == 0x20, bytes[1] == 0x02 { return isPublicV4(Array(bytes[2..<6])) }
        if bytes[0] & 0xE0 != 0x20 { return false }  // only 2000::/3 is global unicast
        if bytes[0] == 0x20, bytes[1] == 0x01, bytes[2] == 0x0D, bytes[3] == 0xB8 { return false }  // documentation
        if bytes[0] == 0x20, bytes[1] == 0x01, bytes[2] < 2 { return false }  // 2001::/23: Teredo, ORCHID, benchmarking
        return true
    }
}
