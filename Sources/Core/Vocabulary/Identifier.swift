/// A 128-bit name for a trace, a request or a run: a UUID of version 7, so that order of names is order of time and
/// a database appends to its index instead of scattering over it (RFC 9562, section 5.7).
package struct Identifier: Sendable, Hashable, Comparable {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package init(at time: Timestamp, random: (UInt64, UInt64)) {
        let milliseconds = UInt64(max(0, time.microseconds / 1000)) & 0xFFFF_FFFF_FFFF
        high = milliseconds << 16 | 0x7000 | random.0 & 0x0FFF
        low = random.1 & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    }

    package static func make(at time: Timestamp = .now()) -> Identifier {
        var random = SystemRandomNumberGenerator()
        return Identifier(at: time, random: (random.next(), random.next()))
    }

    /// The moment the name was made, to the millisecond.
    package var createdAt: Timestamp { Timestamp(microseconds: Int64(high >> 16) * 1000) }

    package static func < (left: Identifier, right: Identifier) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

extension Identifier: CustomStringConvertible, LosslessStringConvertible {
    /// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` in lower case.
    package var description: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            write(into: buffer.baseAddress.unsafelyUnwrapped)
            return 36
        }
    }

    /// Writes the 36 characters of ``description``.
    package func write(into buffer: UnsafeMutablePointer<UInt8>) {
        var place = 0
        for nibble in 0..<32 {
            if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 {
                buffer[place] = 45
                place += 1
            }
            let word = nibble < 16 ? high : low
            let digit = UInt8(truncatingIfNeeded: word >> UInt64(60 - (nibble & 15) * 4)) & 15
            buffer[place] = digit < 10 ? 48 + digit : 87 + digit
            place += 1
        }
    }

    package init?(_ text: some StringProtocol) {
        var words: (UInt64, UInt64) = (0, 0)
        var place = 0
        var digits = 0
        for byte in text.utf8 {
            defer { place += 1 }
            if place == 8 || place == 13 || place == 18 || place == 23 {
                guard byte == 45 else { return nil }
                continue
            }
            guard let digit = Self.hexDigit(byte), digits < 32 else { return nil }
            if digits < 16 { words.0 = words.0 << 4 | digit } else { words.1 = words.1 << 4 | digit }
            digits += 1
        }
        guard digits == 32, place == 36 else { return nil }
        self.init(high: words.0, low: words.1)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case 48...57: UInt64(byte - 48)
        case 65...70: UInt64(byte - 55)
        case 97...102: UInt64(byte - 87)
        default: nil
        }
    }
}

/// Makes identifiers without a system call each: one for every event loop or worker, seeded by the system.
///
/// wyrand by Wang Yi (public domain). Names are unique, not secret: what must not be guessed is a token.
package struct IdentifierSource: ~Copyable {
    private var state: UInt64

    package init() { state = UInt64.random(in: .min ... .max) }

    package mutating func next(at time: Timestamp) -> Identifier {
        Identifier(at: time, random: (draw(), draw()))
    }

    private mutating func draw() -> UInt64 {
        state &+= 0xA076_1D64_78BD_642F
        let product = state.multipliedFullWidth(by: state ^ 0xE703_7ED1_A0B4_28DB)
        return product.high ^ product.low
    }
}
