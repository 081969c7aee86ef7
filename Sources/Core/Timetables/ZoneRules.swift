/// When the clocks of a time zone change: the content of one file of the IANA time zone database (TZif, RFC 8536).
package struct ZoneRules: Sendable, Equatable {
    /// A stretch of time with one offset from UTC.
    package struct Span: Sendable, Equatable {
        /// Seconds east of UTC.
        package var offset: Int64
        /// Its first second that is outside, in seconds since 1970; `Int64.max` where nothing more is known to change.
        package var end: Int64
    }

    package struct Malformed: Error, Sendable, Equatable {
        package var message: String
    }

    package let name: String
    /// Seconds since 1970 at which the offset changes, ascending.
    private let changes: [Int64]
    /// The offset from each change on.
    private let offsets: [Int64]
    private let offsetBefore: Int64
    /// What holds after the last change.
    private let afterwards: PosixZone?

    /// Needs no database.
    package static let utc = ZoneRules(name: "UTC", changes: [], offsets: [], offsetBefore: 0, afterwards: nil)

    private init(name: String, changes: [Int64], offsets: [Int64], offsetBefore: Int64, afterwards: PosixZone?) {
        self.name = name
        self.changes = changes
        self.offsets = offsets
        self.offsetBefore = offsetBefore
        self.afterwards = afterwards
    }

    /// - Parameter bytes: a TZif file of any version. Files that count leap seconds are refused: our time does not.
    package init(name: String, tzif bytes: [UInt8]) throws(Malformed) {
        var reader = TZifReader(bytes)
        var block = try reader.block(wide: false)
        var afterwards: PosixZone?
        if block.version >= UInt8(ascii: "2") {
            block = try reader.block(wide: true)
            let footer = try reader.footer()
            if !footer.isEmpty {
                guard let rule = PosixZone(footer) else {
                    throw Malformed(message: "Its rule `\(footer)` is not understood.")
                }
                afterwards = rule
            }
        }
        self.init(
            name: name, changes: block.changes, offsets: block.offsets, offsetBefore: block.offsetBefore,
            afterwards: afterwards)
    }

    /// The stretch that holds `second` (since 1970, UTC).
    package func span(at second: Int64) -> Span {
        guard let last = changes.last, second < last else {
            return afterwards?.span(at: second) ?? Span(offset: offsets.last ?? offsetBefore, end: .max)
        }
        var low = 0
        var high = changes.count
        while low < high {
            let middle = (low + high) / 2
            if changes[middle] <= second { low = middle + 1 } else { high = middle }
        }
        return Span(offset: low == 0 ? offsetBefore : offsets[low - 1], end: changes[low])
    }
}

/// Reads the blocks of a TZif file.
private struct TZifReader {
    struct Block {
        var version: UInt8
        var changes: [Int64]
        var offsets: [Int64]
        var offsetBefore: Int64
    }

    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    /// Header and data (RFC 8536, sections 3.1 and 3.2). `wide`: times of 8 bytes.
    mutating func block(wide: Bool) throws(ZoneRules.Malformed) -> Block {
        let magic = try take(4)
        guard magic.elementsEqual("TZif".utf8) else { throw .init(message: "It is no time zone file.") }
        let version = try take(16).first ?? 0
        var counts: [Int] = []
        for _ in 0..<6 { counts.append(Int(try number(4))) }
        let (utCount, standardCount, leapCount, timeCount, typeCount, nameBytes) =
            (counts[0], counts[1], counts[2], counts[3], counts[4], counts[5])
        guard counts.allSatisfy({ (0...100_000).contains($0) }), typeCount > 0 else {
            throw .init(message: "Its header is not plausible.")
        }
        guard leapCount == 0 else { throw .init(message: "It counts leap seconds.") }
        var changes: [Int64] = []
        for _ in 0..<timeCount { changes.append(try number(wide ? 8 : 4)) }
        let types = try take(timeCount)
        var typeOffsets: [Int64] = []
        for _ in 0..<typeCount {
            typeOffsets.append(try number(4))
            _ = try take(2)
        }
        _ = try take(nameBytes + standardCount + utCount)
        guard types.allSatisfy({ Int($0) < typeCount }), zip(changes, changes.dropFirst()).allSatisfy({ $0 < $1 })
        else { throw .init(message: "Its changes are not in order.") }
        return Block(
            version: version, changes: changes, offsets: types.map { typeOffsets[Int($0)] },
            offsetBefore: typeOffsets[0])
    }

    /// The rule between two line feeds at the end (section 3.3).
    mutating func footer() throws(ZoneRules.Malformed) -> String {
        guard try take(1).first == 10, let end = rest.firstIndex(of: 10) else {
            throw .init(message: "It ends too early.")
        }
        return String(decoding: rest[..<end], as: UTF8.self)
    }

    private mutating func take(_ count: Int) throws(ZoneRules.Malformed) -> ArraySlice<UInt8> {
        guard rest.count >= count else { throw .init(message: "It ends too early.") }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    /// A big-endian two's complement number.
    private mutating func number(_ bytes: Int) throws(ZoneRules.Malformed) -> Int64 {
        let value = try take(bytes).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return bytes == 8 ? Int64(bitPattern: value) : Int64(Int32(truncatingIfNeeded: value))
    }
}
