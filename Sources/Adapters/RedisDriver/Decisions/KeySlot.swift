/// The slot of a key in a cluster: CRC-16/XMODEM of what is between the first `{` and the next `}` if there is anything,
/// else of all of it, modulo 16,384 (redis.io/docs/reference/cluster-spec, "Key distribution model").
package enum KeySlot {
    package static let count = 16_384

    private static let table: [UInt16] = (0..<256).map { byte in
        (0..<8).reduce(UInt16(byte) << 8) { sum, _ in sum & 0x8000 != 0 ? sum << 1 ^ 0x1021 : sum << 1 }
    }

    package static func of(_ key: ArraySlice<UInt8>) -> Int {
        var part = key
        if let start = key.firstIndex(of: UInt8(ascii: "{")),
            let end = key[(start + 1)...].firstIndex(of: UInt8(ascii: "}")), end > start + 1
        {
            part = key[(start + 1)..<end]
        }
        var sum: UInt16 = 0
        for byte in part { sum = sum << 8 ^ table[Int(UInt8(sum >> 8) ^ byte)] }
        return Int(sum) % count
    }

    package static func of(_ key: String) -> Int { of(Array(key.utf8)[...]) }
}
