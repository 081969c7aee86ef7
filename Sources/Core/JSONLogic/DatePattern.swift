import Vocabulary

/// Date patterns of letters: `yyyy-MM-dd HH:mm:ss`, `z` for the offset. Everything else stands for itself.
struct DatePattern {
    private enum Part: Equatable {
        case year, month, day, hour, minute, second, millisecond, offset
        case text(Character)
    }

    private var parts: [Part] = []

    init(_ pattern: String) {
        var rest = Substring(pattern)
        let words: [(String, Part)] = [
            ("yyyy", .year), ("SSS", .millisecond), ("MM", .month), ("dd", .day), ("HH", .hour), ("mm", .minute),
            ("ss", .second), ("z", .offset), ("Z", .offset),
        ]
        while let first = rest.first {
            if let word = words.first(where: { rest.hasPrefix($0.0) }) {
                parts.append(word.1)
                rest = rest.dropFirst(word.0.count)
            } else {
                parts.append(.text(first))
                rest = rest.dropFirst()
            }
        }
    }

    static func padded(_ value: Int, _ digits: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }

    func format(_ moment: LogicMoment) -> String {
        let date = moment.civil
        return parts.map { part in
            switch part {
            case .year: Self.padded(date.year, 4)
            case .month: Self.padded(date.month, 2)
            case .day: Self.padded(date.day, 2)
            case .hour: Self.padded(date.hour, 2)
            case .minute: Self.padded(date.minute, 2)
            case .second: Self.padded(date.second, 2)
            case .millisecond: Self.padded(date.microsecond / 1000, 3)
            case .offset:
                (moment.offsetMinutes < 0 ? "-" : "+") + Self.padded(abs(moment.offsetMinutes) / 60, 2)
                    + Self.padded(abs(moment.offsetMinutes) % 60, 2)
            case .text(let character): String(character)
            }
        }.joined()
    }

    func parse(_ text: String) -> LogicMoment? {
        var civil = Timestamp.Civil(year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0, microsecond: 0)
        var offset = 0
        var reader = DigitReader(text)
        for part in parts {
            switch part {
            case .year:
                guard let value = reader.number(4) else { return nil }
                civil.year = value
            case .month:
                guard let value = reader.number(2) else { return nil }
                civil.month = value
            case .day:
                guard let value = reader.number(2) else { return nil }
                civil.day = value
            case .hour:
                guard let value = reader.number(2) else { return nil }
                civil.hour = value
            case .minute:
                guard let value = reader.number(2) else { return nil }
                civil.minute = value
            case .second:
                guard let value = reader.number(2) else { return nil }
                civil.second = value
            case .millisecond:
                guard let value = reader.number(3) else { return nil }
                civil.microsecond = value * 1000
            case .offset:
                guard let value = reader.offset() else { return nil }
                offset = value
            case .text(let character):
                guard let scalar = character.unicodeScalars.first, scalar.isASCII, reader.skip(scalar) else {
                    return nil
                }
            }
        }
        guard reader.isAtEnd, let time = Timestamp(civil) else { return nil }
        return LogicMoment(microseconds: time.microseconds - Int64(offset) * 60_000_000, offsetMinutes: offset)
    }
}
