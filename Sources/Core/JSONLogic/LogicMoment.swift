import Vocabulary

/// A moment with the offset it was written in.
struct LogicMoment: Equatable {
    var microseconds: Int64
    /// East of UTC.
    var offsetMinutes = 0

    init(microseconds: Int64, offsetMinutes: Int = 0) {
        self.microseconds = microseconds
        self.offsetMinutes = offsetMinutes
    }

    /// - Returns: nil outside the years 0 to 9999, which have no text.
    func adding(_ span: Int64) -> LogicMoment? {
        let (sum, overflow) = microseconds.addingReportingOverflow(span)
        guard !overflow, Self.writable.contains(sum) else { return nil }
        return LogicMoment(microseconds: sum, offsetMinutes: offsetMinutes)
    }

    /// A day less at both ends, so that every offset fits.
    private static let writable: Range<Int64> = -62_167_132_800_000_000..<253_402_214_400_000_000

    /// RFC 3339, also with a space for the `T`, without an offset (UTC), or a date alone.
    init?(_ text: String) {
        var reader = DigitReader(text)
        guard let year = reader.number(4), reader.skip("-"), let month = reader.number(2), reader.skip("-"),
            let day = reader.number(2)
        else { return nil }
        var civil = Timestamp.Civil(year: year, month: month, day: day, hour: 0, minute: 0, second: 0, microsecond: 0)
        var offset = 0
        if !reader.isAtEnd {
            guard reader.skip("T") || reader.skip("t") || reader.skip(" "), let hour = reader.number(2),
                reader.skip(":"), let minute = reader.number(2)
            else { return nil }
            civil.hour = hour
            civil.minute = minute
            if reader.skip(":") {
                guard let second = reader.number(2) else { return nil }
                civil.second = second
            }
            if reader.skip(".") { civil.microsecond = reader.fraction() }
            guard let found = reader.offset() else { return nil }
            offset = found
        }
        guard reader.isAtEnd, let time = Timestamp(civil) else { return nil }
        microseconds = time.microseconds - Int64(offset) * 60_000_000
        offsetMinutes = offset
    }

    var civil: Timestamp.Civil {
        Timestamp(microseconds: microseconds + Int64(offsetMinutes) * 60_000_000).civil
    }

    var text: String {
        let date = civil
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        var text = "\(DatePattern.padded(date.year, 4))-\(two(date.month))-\(two(date.day))T"
        text += "\(two(date.hour)):\(two(date.minute)):\(two(date.second))"
        if date.microsecond > 0 {
            var digits = DatePattern.padded(date.microsecond, 6)
            while digits.hasSuffix("0") { digits.removeLast() }
            text += ".\(digits)"
        }
        guard offsetMinutes != 0 else { return text + "Z" }
        let size = abs(offsetMinutes)
        return text + "\(offsetMinutes < 0 ? "-" : "+")\(two(size / 60)):\(two(size % 60))"
    }
}

/// A length of time: `1d:2h:3m:4s`.
struct LogicSpan: Equatable {
    var microseconds: Int64

    private static let longest = UInt64(Int64.max / 4)

    init(microseconds: Int64) { self.microseconds = microseconds }

    init?(_ text: String) {
        var total: Int64 = 0
        var parts = 0
        for part in text.split(whereSeparator: { $0 == ":" || $0 == " " }) {
            guard let unit = part.last, let value = Int64(part.dropLast()), value.magnitude < 100_000_000 else {
                return nil
            }
            let size: Int64
            switch unit {
            case "d": size = 86_400_000_000
            case "h": size = 3_600_000_000
            case "m": size = 60_000_000
            case "s": size = 1_000_000
            default: return nil
            }
            // 100 million days fit; many such parts do not.
            let (sum, overflow) = total.addingReportingOverflow(value * size)
            guard !overflow else { return nil }
            total = sum
            parts += 1
        }
        // Two of them can be added, and one turned round.
        guard parts > 0, total.magnitude <= Self.longest else { return nil }
        microseconds = total
    }

    var text: String {
        let seconds = microseconds.magnitude / 1_000_000
        let sign = microseconds < 0 ? "-" : ""
        return "\(sign)\(seconds / 86_400)d:\(seconds / 3600 % 24)h:\(seconds / 60 % 60)m:\(seconds % 60)s"
    }
}

/// Reads digits from the front of a text.
struct DigitReader {
    private var rest: Substring.UTF8View

    init(_ text: String) { rest = Substring(text).utf8 }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest = rest.dropFirst()
        return true
    }

    mutating func number(_ digits: Int) -> Int? {
        let head = rest.prefix(digits)
        guard head.count == digits, head.allSatisfy({ (48...57).contains($0) }) else { return nil }
        rest = rest.dropFirst(digits)
        return head.reduce(0) { $0 * 10 + Int($1 - 48) }
    }

    /// The digits after a point, as microseconds.
    mutating func fraction() -> Int {
        let digits = rest.prefix { (48...57).contains($0) }
        rest = rest.dropFirst(digits.count)
        let six = digits.prefix(6)
        return six.reduce(0) { $0 * 10 + Int($1 - 48) } * [1_000_000, 100_000, 10_000, 1000, 100, 10, 1][six.count]
    }

    /// `Z`, `+05:00`, `-0530` or nothing, in minutes.
    mutating func offset() -> Int? {
        if isAtEnd || skip("Z") || skip("z") { return 0 }
        let sign = skip("+") ? 1 : skip("-") ? -1 : 0
        guard sign != 0, let hours = number(2) else { return nil }
        _ = skip(":")
        guard let minutes = isAtEnd ? 0 : number(2), hours < 24, minutes < 60 else { return nil }
        return sign * (hours * 60 + minutes)
    }
}
