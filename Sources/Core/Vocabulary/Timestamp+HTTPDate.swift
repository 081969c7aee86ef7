extension Timestamp {
    /// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, the form of dates in HTTP that is not obsolete (RFC 9110, section 5.6.7); nil
    /// where it is anything else. The name of the day is not compared with the date.
    package init?(httpDate text: String) {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0].utf8.count == 4, parts[0].hasSuffix(","), parts[5] == "GMT" else { return nil }
        func number(_ text: Substring, _ digits: Int) -> Int? {
            text.utf8.count == digits && text.utf8.allSatisfy { (48...57).contains($0) } ? Int(text) : nil
        }
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let clock = parts[4].split(separator: ":", omittingEmptySubsequences: false)
        guard let day = number(parts[1], 2), let month = months.firstIndex(of: String(parts[2])),
            let year = number(parts[3], 4), clock.count == 3, let hour = number(clock[0], 2),
            let minute = number(clock[1], 2), let second = number(clock[2], 2)
        else { return nil }
        self.init(Civil(year: year, month: month + 1, day: day, hour: hour, minute: minute, second: second))
    }
}
