/// One field of a cron expression: the values it may have, as bits.
struct CronField: Sendable, Equatable {
    /// What a field is about: its range and the names of its values.
    struct Kind: Sendable {
        let name: String
        let range: ClosedRange<Int>
        let names: [String]

        static let second = Kind(name: "second", range: 0...59, names: [])
        static let minute = Kind(name: "minute", range: 0...59, names: [])
        static let hour = Kind(name: "hour", range: 0...23, names: [])
        static let day = Kind(name: "day of month", range: 1...31, names: [])
        static let month = Kind(
            name: "month", range: 1...12,
            names: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"])
        /// 0 and 7 are both Sunday.
        static let weekday = Kind(
            name: "day of week", range: 0...7, names: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"])
    }

    private(set) var bits: UInt64 = 0
    /// Whether it begins with `*`: then the other of the two fields for days decides alone (crontab(5)).
    let isOpen: Bool

    init(_ text: Substring, _ kind: Kind) throws(CronExpression.Malformed) {
        isOpen = text.hasPrefix("*")
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            bits |= try Self.bits(part, kind)
        }
        if kind.name == Kind.weekday.name, bits & 1 << 7 != 0 { bits = bits & ~(1 << 7) | 1 }
    }

    func contains(_ value: Int) -> Bool { bits & 1 << UInt64(value) != 0 }

    /// The least value that is at least `value`.
    func first(from value: Int) -> Int? {
        guard value < 64 else { return nil }
        let rest = bits >> UInt64(value)
        return rest == 0 ? nil : value + rest.trailingZeroBitCount
    }

    /// `*`, `7`, `1-5`, `*/15`, `0-30/10`, `5/20`.
    private static func bits(_ part: Substring, _ kind: Kind) throws(CronExpression.Malformed) -> UInt64 {
        func malformed(_ reason: String) -> CronExpression.Malformed {
            .init(message: "The \(kind.name) `\(part)` \(reason)")
        }
        guard !part.isEmpty else {
            throw .init(message: "The field for the \(kind.name) has an empty item in its list.")
        }
        let halves = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let range: ClosedRange<Int>
        if halves[0] == "*" {
            range = kind.range.lowerBound...kind.last
        } else {
            let ends = halves[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            let low = try value(ends[0], kind, in: part)
            var high = try ends.count > 1 ? value(ends[1], kind, in: part) : halves.count > 1 ? kind.last : low
            // Saturday to Sunday ends a week.
            if kind.range.upperBound == 7, ends.count > 1, high == 0, low > 0 { high = 7 }
            guard low <= high else { throw malformed("runs backwards; write two items, such as `22-23,0-5`.") }
            range = low...high
        }
        guard halves.count > 1 else { return mask(range, step: 1) }
        guard let step = number(halves[1]), step > 0 else {
            throw malformed("needs a step of at least 1 after the `/`.")
        }
        guard step <= range.upperBound - range.lowerBound || step == 1 else {
            throw malformed("has a step that is larger than its range: it would be met only once.")
        }
        return mask(range, step: step)
    }

    private static func mask(_ range: ClosedRange<Int>, step: Int) -> UInt64 {
        stride(from: range.lowerBound, through: range.upperBound, by: step).reduce(0) { $0 | 1 << UInt64($1) }
    }

    private static func value(
        _ text: Substring, _ kind: Kind, in part: Substring
    ) throws(CronExpression.Malformed) -> Int {
        if let number = number(text) {
            guard kind.range.contains(number) else {
                throw .init(
                    message: "The \(kind.name) `\(part)` is out of range: "
                        + "\(kind.range.lowerBound) to \(kind.range.upperBound) are allowed.")
            }
            return number
        }
        guard let place = kind.names.firstIndex(of: text.uppercased()) else {
            let names = kind.names.isEmpty ? "" : " or names such as \(kind.names[1])"
            throw .init(
                message:
                    "The \(kind.name) `\(part)` is not understood: use numbers\(names), with `*`, `,`, `-` and `/`.")
        }
        return place + (kind.range.lowerBound == 1 ? 1 : 0)
    }

    private static func number(_ text: Substring) -> Int? {
        guard (1...4).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return Int(text)
    }
}

extension CronField.Kind {
    /// The highest value; 7 is only another way to write Sunday.
    fileprivate var last: Int { range.upperBound == 7 ? 6 : range.upperBound }
}
