import CJSON

extension JSONValue: Equatable {
    /// The same JSON: numbers by value (1 equals 1.0), objects whatever the order of their members.
    package static func == (left: JSONValue, right: JSONValue) -> Bool {
        if left.isNumber && right.isNumber {
            return equalNumbers(left, right)
        }
        guard left.raw.tag == right.raw.tag else { return false }
        switch Int(left.raw.tag) {
        case 5: return left.bytes.hasSameBytes(as: right.bytes)
        case 6:
            guard left.count == right.count else { return false }
            return (0..<left.count).allSatisfy { left[$0] == right[$0] }
        case 7:
            guard left.count == right.count else { return false }
            return (0..<left.count).allSatisfy { index in
                left.key(at: index).utf8.flatMap(right.member).map { $0 == left.value(at: index) } ?? false
            }
        default: return true
        }
    }

    /// Exactly equal: 2^53 + 1 is no double, so it equals none.
    private static func equalNumbers(_ left: JSONValue, _ right: JSONValue) -> Bool {
        switch (left.kind, right.kind) {
        case (.int, .int): left.raw.bits == right.raw.bits
        case (.int, .bigInteger), (.bigInteger, .int): false
        case (.bigInteger, .bigInteger): left.bytes.hasSameBytes(as: right.bytes)
        case (.int, _): right.doubleValue.flatMap(Int64.init(exactly:)) == left.intValue
        case (_, .int): left.doubleValue.flatMap(Int64.init(exactly:)) == right.intValue
        default: left.doubleValue == right.doubleValue
        }
    }
}
