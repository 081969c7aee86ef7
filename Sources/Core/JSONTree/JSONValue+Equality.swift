import CJSON

extension JSONValue: Equatable {
    /// The same JSON: numbers by value (1 equals 1.0), objects whatever the order of their members.
    package static func == (left: JSONValue, right: JSONValue) -> Bool {
        if left.isNumber && right.isNumber {
            if let one = left.intValue, let other = right.intValue { return one == other }
            if left.raw.tag == 8 && right.raw.tag == 8 { return left.bytes.hasSameBytes(as: right.bytes) }
            return left.doubleValue == right.doubleValue
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
}
