import Foundation
import Seeds
import Testing
import Timetables
import Vocabulary

@Suite struct CronExpressionTests {
    // MARK: - The oracle

    /// A cron expression read in the plainest way: sets of numbers, and another library's calendar.
    private struct Oracle {
        var seconds: Set<Int> = [0]
        var minutes: Set<Int>
        var hours: Set<Int>
        var days: Set<Int>
        var months: Set<Int>
        var weekdays: Set<Int>
        var eitherDay: Bool
        var zone: TimeZone

        func isMet(_ second: Int64) -> Bool {
            let local = second + Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(second))))
            let civil = Timestamp(microseconds: local * 1_000_000).civil
            let weekday = Int((local / 86_400 + 4) % 7)
            let day = days.contains(civil.day)
            let name = weekdays.contains(weekday)
            return seconds.contains(civil.second) && minutes.contains(civil.minute) && hours.contains(civil.hour)
                && months.contains(civil.month) && (eitherDay ? day || name : day && name)
        }
    }

    /// A field as text and as a set, told apart only here.
    private func field(
        _ range: ClosedRange<Int>, _ random: inout SeededRandom, openOneIn: Int = 3
    ) -> (text: String, values: Set<Int>) {
        if random.chance(oneIn: openOneIn) {
            let step = Int.random(in: 1...max(1, (range.count - 1) / 2), using: &random)
            if step == 1 { return ("*", Set(range)) }
            return ("*/\(step)", Set(stride(from: range.lowerBound, through: range.upperBound, by: step)))
        }
        var texts: [String] = []
        var values: Set<Int> = []
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let low = Int.random(in: range, using: &random)
            let high = Int.random(in: low...range.upperBound, using: &random)
            if random.chance(oneIn: 2) {
                texts.append("\(low)")
                values.insert(low)
            } else {
                let step = high > low ? Int.random(in: 1...(high - low), using: &random) : 1
                texts.append(step == 1 ? "\(low)-\(high)" : "\(low)-\(high)/\(step)")
                values.formUnion(stride(from: low, through: high, by: step))
            }
        }
        return (texts.joined(separator: ","), values)
    }

    /// Seconds since 1970 of changes of clocks from 2015 to 2023: later ones differ between editions of the zone database.
    private func changes(_ rules: ZoneRules) -> [Int64] {
        var found: [Int64] = []
        var second: Int64 = 1_420_070_400
        while second < 1_704_067_200 {
            found.append(second)
            let span = rules.span(at: second)
            guard span.end < 1_704_067_200 else { break }
            second = span.end
        }
        return found
    }

    @Test(arguments: 0..<240 as Range<UInt64>)
    func `the next instant is the one a minute-by-minute search finds`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let name = zoneNames[Int(seed) % zoneNames.count]
        let rules = try zoneRules(name)
        let minute = field(0...59, &random)
        let hour = field(0...23, &random)
        let day = field(1...31, &random, openOneIn: 2)
        let month = field(1...12, &random, openOneIn: 2)
        let weekday = field(0...6, &random, openOneIn: 2)
        let text = [minute.text, hour.text, day.text, month.text, weekday.text].joined(separator: " ")
        let expression = try CronExpression(text)
        let oracle = Oracle(
            minutes: minute.values, hours: hour.values, days: day.values, months: month.values,
            weekdays: weekday.values, eitherDay: !day.text.hasPrefix("*") && !weekday.text.hasPrefix("*"),
            zone: try #require(TimeZone(identifier: name)))
        let around = try #require(changes(rules).randomElement(using: &random))
        // From up to a day before a change of clocks, on or between minutes, for two and a half days.
        let start = around - Int64.random(in: 0..<86_400, using: &random)
        let end = start + 216_000

        var expected: [Int64] = []
        for second in stride(from: (start / 60 + 1) * 60, to: end, by: 60) where oracle.isMet(second) {
            expected.append(second)
        }
        var found: [Int64] = []
        var last = Timestamp(microseconds: start * 1_000_000)
        while let next = expression.next(after: last, in: rules), next.microseconds < end * 1_000_000 {
            found.append(next.microseconds / 1_000_000)
            last = next
        }

        #expect(found == expected, "`\(text)` in \(name) from \(start)")
    }

    @Test(arguments: 0..<120 as Range<UInt64>)
    func `with seconds, the next instant is the one a second-by-second search finds`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed &+ 1_000_000)
        let name = zoneNames[Int(seed) % zoneNames.count]
        let rules = try zoneRules(name)
        let second = field(0...59, &random)
        let minute = field(0...59, &random, openOneIn: 2)
        let text = "\(second.text) \(minute.text) * * * *"
        let expression = try CronExpression(text)
        let oracle = Oracle(
            seconds: second.values, minutes: minute.values, hours: Set(0...23), days: Set(1...31),
            months: Set(1...12), weekdays: Set(0...6), eitherDay: false,
            zone: try #require(TimeZone(identifier: name)))
        let around = try #require(changes(rules).randomElement(using: &random))
        let start = around - Int64.random(in: 0..<3600, using: &random)

        let expected = (start + 1..<start + 7200).filter(oracle.isMet)
        var found: [Int64] = []
        var last = Timestamp(microseconds: start * 1_000_000 + 999_999)
        last.microseconds -= Int64.random(in: 0...999_999, using: &random)
        while let next = expression.next(after: last, in: rules), next.microseconds < (start + 7200) * 1_000_000 {
            found.append(next.microseconds / 1_000_000)
            last = next
        }

        #expect(found == expected, "`\(text)` in \(name) from \(start)")
    }

    // MARK: - Examples

    private func next(_ text: String, _ zone: String, after moment: String, count: Int) throws -> [String] {
        let expression = try CronExpression(text)
        let rules = zone == "UTC" ? .utc : try zoneRules(zone)
        var last = try #require(Timestamp(rfc3339: moment))
        return (0..<count).compactMap { _ in
            guard let next = expression.next(after: last, in: rules) else { return nil }
            last = next
            return String(next.rfc3339.prefix(19))
        }
    }

    @Test func `a local time that is left out does not happen, and one that comes twice happens twice`() throws {
        // The clocks in London go from 01:00 to 02:00 on 29 March 2026, and from 02:00 back to 01:00 on 25 October.
        #expect(
            try next("0 30 1 * * *", "Europe/London", after: "2026-03-27T12:00:00Z", count: 2) == [
                "2026-03-28T01:30:00", "2026-03-30T00:30:00",
            ])
        #expect(
            try next("30 1 * * *", "Europe/London", after: "2026-10-24T12:00:00Z", count: 3) == [
                "2026-10-25T00:30:00", "2026-10-25T01:30:00", "2026-10-26T01:30:00",
            ])
    }

    @Test func `names, Sundays, leap days and both fields for days mean what crontab says`() throws {
        let from = "2026-01-01T00:00:00Z"
        #expect(
            try next("0 9 * * mon-FRI", "UTC", after: from, count: 3) == [
                "2026-01-01T09:00:00", "2026-01-02T09:00:00", "2026-01-05T09:00:00",
            ])
        for sunday in ["0", "7", "sun", "7-7", "SUN-SUN"] {
            #expect(try next("0 0 * * \(sunday)", "UTC", after: from, count: 1) == ["2026-01-04T00:00:00"], "\(sunday)")
        }
        #expect(
            try next("0 0 * * SAT-SUN", "UTC", after: from, count: 3) == [
                "2026-01-03T00:00:00", "2026-01-04T00:00:00", "2026-01-10T00:00:00",
            ])
        #expect(try next("0 0 29 FEB *", "UTC", after: from, count: 1) == ["2028-02-29T00:00:00"])
        // The 13th, and every Friday.
        #expect(
            try next("0 0 13 * FRI", "UTC", after: from, count: 3) == [
                "2026-01-02T00:00:00", "2026-01-09T00:00:00", "2026-01-13T00:00:00",
            ])
        #expect(
            try next("15 10/20 * * * *", "UTC", after: from, count: 3) == [
                "2026-01-01T00:10:15", "2026-01-01T00:30:15", "2026-01-01T00:50:15",
            ])
        #expect(try next("0 0 30 2 *", "UTC", after: from, count: 1).isEmpty)
    }

    @Test(arguments: [
        ("* * * *", "5 fields"), ("* * * * * * 2026", "this one has 7"), ("", "this one has 0"),
        ("60 * * * *", "minute `60` is out of range: 0 to 59"), ("* 24 * * *", "hour `24` is out of range"),
        ("* * 0 * *", "day of month `0` is out of range: 1 to 31"), ("* * * 13 *", "month `13` is out of range"),
        ("* * * * 8", "day of week `8` is out of range"), ("60 * * * * *", "second `60` is out of range"),
        ("5-1 * * * *", "runs backwards"), ("*/0 * * * *", "step of at least 1"),
        ("*/60 * * * *", "larger than its range"),
        ("*/ * * * *", "step of at least 1"), ("1,,2 * * * *", "empty item"), ("1- * * * *", "not understood"),
        ("-5 * * * *", "not understood"), ("a * * * *", "minute `a` is not understood"),
        ("* * * JANUARY *", "names such as FEB"), ("* * L * *", "not understood"), ("* * ? * *", "not understood"),
        ("* * * * 5#2", "not understood"), ("@hourly", "Macros"), ("1-2-3 * * * *", "not understood"),
        ("99999999999999999999 * * * *", "not understood"), ("٣ * * * *", "not understood"),
    ])
    func `a broken expression is refused in a sentence that names the fault`(text: String, reason: String) {
        do throws(CronExpression.Malformed) {
            _ = try CronExpression(text)
            Issue.record("`\(text)` was taken")
        } catch {
            #expect(error.message.contains(reason), "\(error.message)")
        }
    }

    @Test func `no text at all ends the process`() {
        var random = SeededRandom(seed: 11)
        let alphabet = Array("0123456789*/,- JANMONsun?L#@é".unicodeScalars)
        for _ in 0..<20_000 {
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0...24, using: &random) {
                text.append(alphabet[Int.random(in: 0..<alphabet.count, using: &random)])
            }
            _ = try? CronExpression(String(text)).next(after: Timestamp(microseconds: 0), in: .utc)
        }
    }
}
