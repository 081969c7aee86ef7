extension Timestamp {
    /// `2026-01-31T08:15:30.123456Z`: what the API and the logs show. Fixed width, so text order is time order.
    package var rfc3339: String {
        String(unsafeUninitializedCapacity: 27) { buffer in
            let date = civil
            func put(_ value: Int, at start: Int, digits: Int) {
                var rest = value
                for place in stride(from: start + digits - 1, through: start, by: -1) {
                    buffer[place] = UInt8(48 + rest % 10)
                    rest /= 10
                }
            }
            put(date.year, at: 0, digits: 4)
            put(date.month, at: 5, digits: 2)
            put(date.day, at: 8, digits: 2)
            put(date.hour, at: 11, digits: 2)
            put(date.minute, at: 14, digits: 2)
            put(date.second, at: 17, digits: 2)
            put(date.microsecond, at: 20, digits: 6)
            buffer[4] = 45
            buffer[7] = 45
            buffer[10] = 84
            buffer[13] = 58
            buffer[16] = 58
            buffer[19] = 46
            buffer[26] = 90
            return 27
        }
    }

    /// Reads `2026-01-31T08:15:30Z`, with or without a fraction, and with an offset such as `+02:00` (RFC 3339); nil where
    /// it is anything else. Digits beyond microseconds are dropped.
    package init?(rfc3339 text: String) {
        var rest = Array(text.utf8)[...]
        func number(_ digits: Int) -> Int? {
            let part = rest.prefix(digits)
            guard part.count == digits, part.allSatisfy({ (48...57).contains($0) }) else { return nil }
            rest = rest.dropFirst(digits)
            return part.reduce(0) { $0 * 10 + Int($1 - 48) }
        }
        func take(_ allowed: String) -> UInt8? {
            guard let byte = rest.first, allowed.utf8.contains(byte) else { return nil }
            rest = rest.dropFirst()
            return byte
        }
        guard let year = number(4), take("-") != nil, let month = number(2), take("-") != nil, let day = number(2),
            take("Tt ") != nil, let hour = number(2), take(":") != nil, let minute = number(2), take(":") != nil,
            let second = number(2)
        else { return nil }
        var microsecond = 0
        if take(".") != nil {
            let digits = rest.prefix { (48...57).contains($0) }
            guard !digits.isEmpty else { return nil }
            rest = rest.dropFirst(digits.count)
            for place in 0..<6 {
                let digit = place < digits.count ? Int(digits[digits.startIndex + place] - 48) : 0
                microsecond = microsecond * 10 + digit
            }
        }
        guard let sign = take("Zz+-") else { return nil }
        var offset = 0
        if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
            guard let hours = number(2), take(":") != nil, let minutes = number(2), hours < 24, minutes < 60 else {
                return nil
            }
            offset = (hours * 60 + minutes) * (sign == UInt8(ascii: "-") ? -60 : 60)
        }
        guard rest.isEmpty,
            let local = Timestamp(
                Civil(
                    year: year, month: month, day: day, hour: hour, minute: minute, second: second,
                    microsecond: microsecond))
        else { return nil }
        self = local + .seconds(-offset)
    }

    /// Calendar fields in UTC.
    package struct Civil: Sendable, Equatable {
        package var year: Int
        package var month: Int
        package var day: Int
        package var hour: Int
        package var minute: Int
        package var second: Int
        package var microsecond: Int

        package init(
            year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0, microsecond: Int = 0
        ) {
            self.year = year
            self.month = month
            self.day = day
            self.hour = hour
            self.minute = minute
            self.second = second
            self.microsecond = microsecond
        }
    }

    /// Days to year, month and day by Howard Hinnant's `civil_from_days` (public domain), exact for the proleptic
    /// Gregorian calendar.
    package var civil: Civil {
        let (wholeSeconds, microsecond) = Self.floorDivide(microseconds, by: 1_000_000)
        let (days, secondOfDay) = Self.floorDivide(wholeSeconds, by: 86_400)
        let shifted = days + 719_468
        let (era, dayOfEra) = Self.floorDivide(shifted, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        let month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
        return Civil(
            year: Int(yearOfEra + era * 400 + (month <= 2 ? 1 : 0)),
            month: Int(month),
            day: Int(dayOfYear - (153 * monthIndex + 2) / 5 + 1),
            hour: Int(secondOfDay / 3600),
            minute: Int(secondOfDay / 60 % 60),
            second: Int(secondOfDay % 60),
            microsecond: Int(microsecond))
    }

    /// The moment of a date in UTC, or `nil` where the calendar has no such date.
    package init?(_ civil: Civil) {
        guard (1...12).contains(civil.month), (0...23).contains(civil.hour), (0...59).contains(civil.minute),
            (0...59).contains(civil.second), (1...31).contains(civil.day)
        else { return nil }
        let year = Int64(civil.month <= 2 ? civil.year - 1 : civil.year)
        let (era, yearOfEra) = Self.floorDivide(year, by: 400)
        let monthIndex = Int64(civil.month > 2 ? civil.month - 3 : civil.month + 9)
        let dayOfYear = (153 * monthIndex + 2) / 5 + Int64(civil.day) - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        let seconds = days * 86_400 + Int64(civil.hour * 3600 + civil.minute * 60 + civil.second)
        self.init(microseconds: seconds * 1_000_000 + Int64(civil.microsecond))
        guard self.civil.day == civil.day else { return nil }  // 31 April is no date
    }

    private static func floorDivide(_ value: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let quotient = value / divisor - (value % divisor < 0 ? 1 : 0)
        return (quotient, value - quotient * divisor)
    }
}
