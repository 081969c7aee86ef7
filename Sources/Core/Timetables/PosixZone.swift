import Vocabulary

/// The rule at the end of a time zone file, which holds for all years after it: `CET-1CEST,M3.5.0,M10.5.0/3`
/// (POSIX `TZ`, with the extensions of RFC 8536, section 3.3.1).
struct PosixZone: Sendable, Equatable {
    /// A day of every year, and the second of it (on the clock that goes until then) at which clocks change.
    private struct Change: Sendable, Equatable {
        enum Day: Sendable, Equatable {
            /// 1...365; the 29th of February is never counted.
            case julian(Int)
            /// 0...365.
            case ordinal(Int)
            /// The week 5 is the last; weekday 0 is Sunday.
            case weekday(month: Int, week: Int, weekday: Int)
        }

        var day: Day
        var time: Int64

        /// Seconds of the wall clock since 1970-01-01T00:00:00 there.
        func local(_ year: Int) -> Int64 {
            switch day {
            case .julian(let number):
                let leaps = number > 59 && daysInMonth(year, 2) == 29 ? 1 : 0
                return (PosixZone.day(year, 1, 1) + Int64(number - 1 + leaps)) * 86_400 + time
            case .ordinal(let number): return (PosixZone.day(year, 1, 1) + Int64(number)) * 86_400 + time
            case .weekday(let month, let week, let weekday):
                let first = PosixZone.day(year, month, 1)
                let firstWeekday = Int((first % 7 + 11) % 7)
                var date = (weekday - firstWeekday + 7) % 7 + (week - 1) * 7
                if date >= daysInMonth(year, month) { date -= 7 }
                return (first + Int64(date)) * 86_400 + time
            }
        }
    }

    private let standard: Int64
    private var summer: Int64
    private var changes: (to: Change, back: Change)?

    static func == (left: PosixZone, right: PosixZone) -> Bool {
        left.standard == right.standard && left.summer == right.summer && left.changes?.to == right.changes?.to
            && left.changes?.back == right.changes?.back
    }

    /// - Returns: `nil` where the text is no such rule.
    init?(_ text: String) {
        var rest = Array(text.utf8)[...]
        guard Self.skipName(&rest), let west = Self.time(&rest, most: 24) else { return nil }
        standard = -west
        summer = standard
        guard !rest.isEmpty else { return }
        guard Self.skipName(&rest) else { return nil }
        if rest.first == UInt8(ascii: ",") {
            summer = standard + 3600
        } else {
            guard let west = Self.time(&rest, most: 24) else { return nil }
            summer = -west
        }
        guard let to = Self.change(&rest), let back = Self.change(&rest), rest.isEmpty else { return nil }
        changes = (to, back)
    }

    func span(at second: Int64) -> ZoneRules.Span {
        guard let changes else { return .init(offset: standard, end: .max) }
        let year = Timestamp(microseconds: (second + standard) * 1_000_000).civil.year
        var offset = standard
        // Where summer never ends, the way back and the next way there are one instant: the latter counts.
        let instants = (year - 1...year + 1).flatMap { year in
            [
                (at: changes.back.local(year) - summer, offset: standard, rank: 0),
                (at: changes.to.local(year) - standard, offset: summer, rank: 1),
            ]
        }.sorted { ($0.at, $0.rank) < ($1.at, $1.rank) }
        for instant in instants {
            if instant.at > second { return .init(offset: offset, end: instant.at) }
            offset = instant.offset
        }
        return .init(offset: offset, end: second + 86_400)
    }

    private static func day(_ year: Int, _ month: Int, _ day: Int) -> Int64 {
        // Callers ask for the first of a month only, which every month has.
        (Timestamp(.init(year: year, month: month, day: day))?.microseconds ?? 0) / 86_400_000_000
    }

    /// Letters, or anything in `<…>`.
    private static func skipName(_ rest: inout ArraySlice<UInt8>) -> Bool {
        if rest.first == UInt8(ascii: "<") {
            guard let end = rest.firstIndex(of: UInt8(ascii: ">")) else { return false }
            rest = rest[(end + 1)...]
            return true
        }
        let name = rest.prefix { (65...90).contains($0) || (97...122).contains($0) }
        rest = rest.dropFirst(name.count)
        return name.count >= 3
    }

    private static func number(_ rest: inout ArraySlice<UInt8>) -> Int? {
        let digits = rest.prefix { (48...57).contains($0) }
        guard (1...3).contains(digits.count) else { return nil }
        rest = rest.dropFirst(digits.count)
        return digits.reduce(0) { $0 * 10 + Int($1 - 48) }
    }

    private static func take(_ byte: String, _ rest: inout ArraySlice<UInt8>) -> Bool {
        guard let first = rest.first, byte.utf8.contains(first) else { return false }
        rest = rest.dropFirst()
        return true
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    private static func time(_ rest: inout ArraySlice<UInt8>, most hours: Int) -> Int64? {
        let isNegative = rest.first == UInt8(ascii: "-")
        _ = take("+-", &rest)
        guard let hour = number(&rest), hour <= hours else { return nil }
        var seconds = hour * 3600
        for unit in [60, 1] {
            guard take(":", &rest) else { break }
            guard let part = number(&rest), part < 60 else { return nil }
            seconds += part * unit
        }
        return Int64(isNegative ? -seconds : seconds)
    }

    /// `,M3.5.0/2`; two in the morning where no time is given.
    private static func change(_ rest: inout ArraySlice<UInt8>) -> Change? {
        guard take(",", &rest) else { return nil }
        let day: Change.Day
        if take("J", &rest) {
            guard let number = number(&rest), (1...365).contains(number) else { return nil }
            day = .julian(number)
        } else if take("M", &rest) {
            guard let month = number(&rest), (1...12).contains(month), take(".", &rest), let week = number(&rest),
                (1...5).contains(week), take(".", &rest), let weekday = number(&rest), weekday < 7
            else { return nil }
            day = .weekday(month: month, week: week, weekday: weekday)
        } else {
            guard let number = number(&rest), number <= 365 else { return nil }
            day = .ordinal(number)
        }
        guard take("/", &rest) else { return Change(day: day, time: 7200) }
        return time(&rest, most: 167).map { Change(day: day, time: $0) }
    }
}
