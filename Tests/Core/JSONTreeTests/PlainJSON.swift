import JSONTree
import Seeds

/// The obvious model of JSON, slow and without sharing: what the arena values are checked against.
indirect enum PlainJSON: Equatable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case array([PlainJSON])
    case object([Member])

    struct Member: Equatable {
        var name: String
        var value: PlainJSON
    }

    /// What the value holds now.
    init(_ value: JSONValue) {
        self =
            switch value.kind {
            case .null: .null
            case .bool: .bool(value.isTrue)
            case .int: .int(value.intValue ?? 0)
            case .double, .bigInteger: .double(value.doubleValue ?? .nan)
            case .string: .string(value.stringValue ?? "")
            case .array: .array((0..<value.count).map { PlainJSON(value[$0]) })
            case .object:
                .object(
                    (0..<value.count).map {
                        Member(name: value.key(at: $0).stringValue ?? "", value: PlainJSON(value.value(at: $0)))
                    })
            }
    }

    func build(in arena: JSONArena) -> JSONValue {
        switch self {
        case .null: return .null
        case .bool(let truth): return .bool(truth)
        case .int(let number): return .int(number)
        case .double(let number): return .double(number)
        case .string(let text): return .string(text, in: arena)
        case .array(let elements):
            var builder = JSONArrayBuilder(in: arena)
            for element in elements { builder.append(element.build(in: arena)) }
            return builder.finish()
        case .object(let members):
            var builder = JSONObjectBuilder(in: arena)
            for member in members { builder.append(key: member.name, member.value.build(in: arena)) }
            return builder.finish()
        }
    }

    /// A value no deeper than `depth`, of every kind in time.
    static func random(depth: Int, using random: inout SeededRandom) -> PlainJSON {
        switch Int.random(in: 0..<(depth > 0 ? 8 : 5), using: &random) {
        case 0: return .null
        case 1: return .bool(.random(using: &random))
        case 2:
            return .int(Int64(truncatingIfNeeded: random.next()) >> Int64.random(in: 0..<64, using: &random))
        case 3:
            let number = Double(bitPattern: random.next())
            return .double(number.isFinite ? number : 0.1)
        case 4: return .string(randomText(using: &random))
        case 5:
            return .array(
                (0..<Int.random(in: 0..<5, using: &random)).map { _ in Self.random(depth: depth - 1, using: &random) })
        default:
            let count = random.chance(oneIn: 10) ? 40 : Int.random(in: 0..<5, using: &random)
            return .object(
                (0..<count).map {
                    Member(
                        name: "\($0)" + randomText(using: &random), value: Self.random(depth: depth - 1, using: &random)
                    )
                })
        }
    }

    private static func randomText(using random: inout SeededRandom) -> String {
        let alphabet: [Unicode.Scalar] = [
            "a", "Z", "0", "\"", "\\", "\n", "\u{1}", "\u{7F}", "é", "€", "\u{FFFF}", "😀",
        ]
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0..<24, using: &random) {
            text.append(alphabet.randomElement(using: &random) ?? "a")
        }
        return String(text)
    }
}

extension PlainJSON {
    /// `JSONDocument.set` and `remove` in the model; nil where a scalar is in the way.
    func writing(_ value: PlainJSON?, at path: ArraySlice<String>) -> PlainJSON? {
        guard let name = path.first else { return value }
        let rest = path.dropFirst()
        switch self {
        case .array(var elements):
            guard let index = Int(name), index <= elements.count else { return nil }
            if index == elements.count {
                guard let made = PlainJSON.null.writing(value, at: rest) else { return nil }
                return .array(elements + [made])
            }
            if rest.isEmpty && value == nil {
                elements.remove(at: index)
            } else {
                guard let written = elements[index].writing(value, at: rest) else { return nil }
                elements[index] = written
            }
            return .array(elements)
        case .object(var members):
            if let place = members.firstIndex(where: { $0.name == name }) {
                if rest.isEmpty && value == nil {
                    members.remove(at: place)
                } else {
                    guard let written = members[place].value.writing(value, at: rest) else { return nil }
                    members[place].value = written
                }
                return .object(members)
            }
            guard let made = PlainJSON.null.writing(value, at: rest) else { return nil }
            return .object(members + [Member(name: name, value: made)])
        case .null: return (name == "0" ? PlainJSON.array([]) : .object([])).writing(value, at: path)
        default: return nil
        }
    }

    func reading(_ path: ArraySlice<String>) -> PlainJSON? {
        guard let name = path.first else { return self }
        switch self {
        case .array(let elements):
            guard let index = Int(name), index < elements.count else { return nil }
            return elements[index].reading(path.dropFirst())
        case .object(let members): return members.first { $0.name == name }?.value.reading(path.dropFirst())
        default: return nil
        }
    }
}
