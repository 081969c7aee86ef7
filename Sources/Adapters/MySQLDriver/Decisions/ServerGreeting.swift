/// What a server says first, before anything secret is sent to it (MySQL internals, Protocol::HandshakeV10).
enum ServerGreeting {
    private static let offersTLS: UInt8 = 0x08

    /// Whether it offers TLS; nil where this is no greeting.
    static func offersTLS(_ bytes: [UInt8]) -> Bool? {
        // A length of 3 bytes, the number of the packet, 10, the version as text that ends in 0.
        guard bytes.count > 5, bytes[3] == 0, bytes[4] == 10, let end = bytes[5...].firstIndex(of: 0) else {
            return nil
        }
        // The thread's number (4), the first part of the challenge (8), 0, then two bytes of abilities.
        let place = end + 1 + 4 + 8 + 1 + 1
        return bytes.count > place ? bytes[place] & offersTLS != 0 : nil
    }
}
