import JSONTree

/// The operators of the OpenFeature flagd specification: `sem_ver` and `fractional`.
extension LogicEvaluator {
    mutating func flags(
        _ name: LogicOperator, _ node: UnsafeMutablePointer<LogicNode>
    ) throws(JSONLogicError) -> JSONValue {
        let values = try arguments(node)
        return name == .semVer ? Self.semVer(values) : fractional(values)
    }

    /// - Returns: null where a version or the operator cannot be read.
    private static func semVer(_ values: JSONValue) -> JSONValue {
        guard values.count == 3, let left = SemanticVersion(plain(values[0])),
            let right = SemanticVersion(plain(values[2])), let relation = values[1].stringValue
        else { return .null }
        switch relation {
        case "=": return .bool(left == right)
        case "!=": return .bool(left != right)
        case "<": return .bool(left < right)
        case "<=": return .bool(!(right < left))
        case ">": return .bool(right < left)
        case ">=": return .bool(!(left < right))
        case "^": return .bool(left.numbers[0] == right.numbers[0])
        case "~": return .bool(left.numbers[0] == right.numbers[0] && left.numbers[1] == right.numbers[1])
        default: return .null
        }
    }

    /// Which variant a key falls to: MurmurHash3 of the key over the relative weights.
    private func fractional(_ values: JSONValue) -> JSONValue {
        guard values.count > 0 else { return .null }
        var first = 0
        var key: String
        if let text = values[0].stringValue {
            key = text
            first = 1
        } else {
            guard let target = current.member("targetingKey")?.stringValue else { return .null }
            key = (current.member("$flagd")?.member("flagKey")?.stringValue ?? "") + target
        }
        var variants: [(value: JSONValue, weight: Double)] = []
        for place in first..<max(first, values.count) {
            let variant = values[place]
            guard variant.isArray, variant.count > 0 else { return .null }
            guard let weight = variant.count > 1 ? variant[1].doubleValue : 1 else { return .null }
            variants.append((variant[0], max(0, weight)))
        }
        let total = variants.reduce(0) { $0 + $1.weight }
        guard total > 0 else { return .null }
        let bucket = Double(Self.murmur3(Array(key.utf8))) * total / 4_294_967_296
        var upTo = 0.0
        for (value, weight) in variants {
            upTo += weight
            if bucket.rounded(.down) < upTo { return value }
        }
        return variants.last?.value ?? .null
    }

    /// MurmurHash3 x86 32-bit by Austin Appleby (public domain), seed 0.
    private static func murmur3(_ bytes: [UInt8]) -> UInt32 {
        func mix(_ value: UInt32) -> UInt32 {
            let scaled = value &* 0xCC9E_2D51
            return (scaled << 15 | scaled >> 17) &* 0x1B87_3593
        }
        var hash: UInt32 = 0
        let blocks = bytes.count / 4
        for block in 0..<blocks {
            let word = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[block * 4 + $1]) << UInt32(8 * $1) }
            hash ^= mix(word)
            hash = (hash << 13 | hash >> 19) &* 5 &+ 0xE654_6B64
        }
        var tail: UInt32 = 0
        for (place, byte) in bytes[(blocks * 4)...].enumerated() { tail |= UInt32(byte) << UInt32(8 * place) }
        if bytes.count % 4 != 0 { hash ^= mix(tail) }
        hash ^= UInt32(bytes.count)
        hash = (hash ^ hash >> 16) &* 0x85EB_CA6B
        hash = (hash ^ hash >> 13) &* 0xC2B2_AE35
        return hash ^ hash >> 16
    }
}

/// A version as in semver.org 2.0.0; a leading `v` and missing minor or patch numbers are forgiven.
struct SemanticVersion: Equatable, Comparable {
    let numbers: [Int]
    private let prerelease: [Substring]

    init?(_ text: String) {
        var rest = Substring(text)
        if rest.hasPrefix("v") || rest.hasPrefix("V") { rest = rest.dropFirst() }
        rest = rest.prefix { $0 != "+" }
        let parts = rest.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard let core = parts.first else { return nil }
        var numbers = core.split(separator: ".", omittingEmptySubsequences: false).compactMap { Int($0) }
        guard numbers.count == core.split(separator: ".", omittingEmptySubsequences: false).count,
            (1...3).contains(numbers.count), numbers.allSatisfy({ $0 >= 0 })
        else { return nil }
        while numbers.count < 3 { numbers.append(0) }
        self.numbers = numbers
        prerelease = parts.count > 1 ? parts[1].split(separator: ".") : []
    }

    static func < (left: SemanticVersion, right: SemanticVersion) -> Bool {
        if left.numbers != right.numbers { return left.numbers.lexicographicallyPrecedes(right.numbers) }
        if left.prerelease.isEmpty || right.prerelease.isEmpty {
            return !left.prerelease.isEmpty && right.prerelease.isEmpty
        }
        for (one, other) in zip(left.prerelease, right.prerelease) where one != other {
            switch (Int(one), Int(other)) {
            case (.some(let one), .some(let other)): return one < other
            case (.some, .none): return true
            case (.none, .some): return false
            default: return one < other
            }
        }
        return left.prerelease.count < right.prerelease.count
    }
}
