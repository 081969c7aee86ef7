package import Vocabulary

/// When something happens, as a cron expression: five fields (minute, hour, day of month, month, day of week) or six,
/// with the second in front. Lists, ranges, steps and English names; day of week 0 to 7, both Sunday.
///
/// An instant is met when the wall clock of the zone, at that instant, shows values of all fields. So a local time that
/// a change of clocks leaves out does not happen, and one that comes twice happens twice. Where both fields for days
/// are restricted (neither begins with `*`), a day that meets one of them will do (POSIX, crontab).
package struct CronExpression: Sendable, Equatable {
    /// Why a text is no cron expression, in a sentence that says what to write.
    package struct Malformed: Error, Sendable, Equatable {
        package var message: String
    }

    package let text: String
    private let seconds: CronField
    private let minutes: CronField
    private let hours: CronField
    private let days: CronField
    private let months: CronField
    private let weekdays: CronField

    /// How far ahead ``next(after:in:)`` looks. An expression that is not met within it is as good as never met.
    package static let horizonYears = 5

    package init(_ text: String) throws(Malformed) {
        if text.hasPrefix("@") {
            throw Malformed(message: "Macros such as `@hourly` are not known; write the fields, such as `0 * * * *`.")
        }
        let fields = text.split(whereSeparator: { $0 == " " || $0 == "\t" })
        guard fields.count == 5 || fields.count == 6, text.utf8.count <= 255 else {
            throw Malformed(
                message: "A schedule has 5 fields (minute, hour, day of month, month, day of week) or 6, with the "
                    + "second in front; this one has \(fields.count).")
        }
        let rest = fields.suffix(5)
        let start = rest.startIndex
        seconds = try CronField(fields.count == 6 ? fields[0] : "0", .second)
        minutes = try CronField(rest[start], .minute)
        hours = try CronField(rest[start + 1], .hour)
        days = try CronField(rest[start + 2], .day)
        months = try CronField(rest[start + 3], .month)
        weekdays = try CronField(rest[start + 4], .weekday)
        self.text = text
    }

    /// The first instant after `moment` at which it is met: a whole second. `nil` where there is none within
    /// ``horizonYears``.
    package func next(after moment: Timestamp, in zone: ZoneRules) -> Timestamp? {
        var second = floorDivide(moment.microseconds, by: 1_000_000) + 1
        let horizon = second + Int64(Self.horizonYears) * 366 * 86_400
        while second < horizon {
            let span = zone.span(at: second)
            let end = min(span.end, horizon)
            if let local = firstLocal(from: second + span.offset, before: end + span.offset) {
                return Timestamp(microseconds: (local - span.offset) * 1_000_000)
            }
            second = end
        }
        return nil
    }

    /// The first second of the wall clock, counted from 1970-01-01T00:00:00 there, in `from..<end` that meets all fields.
    private func firstLocal(from: Int64, before end: Int64) -> Int64? {
        var day = floorDivide(from, by: 86_400)
        var secondOfDay = Int(from - day * 86_400)
        var date = Timestamp(microseconds: day * 86_400_000_000).civil
        while day * 86_400 < end {
            if !months.contains(date.month) {
                day += Int64(daysLeft(date))
                secondOfDay = 0
                date = Timestamp(microseconds: day * 86_400_000_000).civil
                continue
            }
            // 1970-01-01 was a Thursday.
            if meets(day: date.day, weekday: Int((day % 7 + 11) % 7)), let time = firstTime(from: secondOfDay) {
                let found = day * 86_400 + Int64(time)
                return found < end ? found : nil
            }
            day += 1
            secondOfDay = 0
            date = daysLeft(date) > 1 ? date.nextDay : Timestamp(microseconds: day * 86_400_000_000).civil
        }
        return nil
    }

    private func meets(day: Int, weekday: Int) -> Bool {
        if days.isOpen || weekdays.isOpen { return days.contains(day) && weekdays.contains(weekday) }
        return days.contains(day) || weekdays.contains(weekday)
    }

    /// The first second of a day, at least `from`, whose hour, minute and second are met.
    private func firstTime(from: Int) -> Int? {
        let (hour, minute, second) = (from / 3600, from / 60 % 60, from % 60)
        if hours.contains(hour) {
            if minutes.contains(minute), let exact = seconds.first(from: second) {
                return hour * 3600 + minute * 60 + exact
            }
            if let later = minutes.first(from: minute + 1), let first = seconds.first(from: 0) {
                return hour * 3600 + later * 60 + first
            }
        }
        guard let later = hours.first(from: hour + 1), let minute = minutes.first(from: 0),
            let second = seconds.first(from: 0)
        else { return nil }
        return later * 3600 + minute * 60 + second
    }

    /// Days from this one to the first of the next month.
    private func daysLeft(_ date: Timestamp.Civil) -> Int { daysInMonth(date.year, date.month) - date.day + 1 }
}

extension Timestamp.Civil {
    fileprivate var nextDay: Timestamp.Civil {
        var next = self
        next.day += 1
        return next
    }
}

func daysInMonth(_ year: Int, _ month: Int) -> Int {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
}

func floorDivide(_ value: Int64, by divisor: Int64) -> Int64 {
    value / divisor - (value % divisor < 0 ? 1 : 0)
}
