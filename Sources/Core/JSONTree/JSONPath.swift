import CJSON

/// Where something is in a document: `data.items.0.name`. A leading `#` makes a number a name: `data.#0`.
package struct JSONPath: Sendable, Equatable {
    package enum Segment: Sendable, Equatable {
        case key([UInt8])
        /// An element of an array; also a member whose name is the number.
        case index(Int, [UInt8])

        package var name: [UInt8] {
            switch self {
            case .key(let name), .index(_, let name): name
            }
        }
    }

    package let segments: [Segment]
    package let text: String

    package struct Malformed: Error, Sendable, Equatable {
        package var message: String
    }

    package init(_ text: String) throws(Malformed) {
        guard !text.isEmpty else { throw Malformed(message: "The path is empty.") }
        var segments: [Segment] = []
        for part in text.split(separator: ".", omittingEmptySubsequences: false) {
            guard !part.isEmpty else { throw Malformed(message: "The path `\(text)` has an empty segment.") }
            if part.hasPrefix("#") {
                segments.append(.key(Array(part.dropFirst().utf8)))
            } else if part.utf8.allSatisfy({ (48...57).contains($0) }), let index = Int(part), part.utf8.count < 8 {
                segments.append(.index(index, Array(part.utf8)))
            } else {
                segments.append(.key(Array(part.utf8)))
            }
        }
        self.segments = segments
        self.text = text
    }

    /// A member below this path, whatever characters its name has.
    package func appending(key name: String) -> JSONPath {
        JSONPath(segments: segments + [.key(Array(name.utf8))], text: "\(text).\(name)")
    }

    private init(segments: [Segment], text: String) {
        self.segments = segments
        self.text = text
    }

    package func read(from root: JSONValue) -> JSONValue? {
        var value = root
        for segment in segments {
            guard let next = Self.step(segment, from: value) else { return nil }
            value = next
        }
        return value
    }

    @inline(__always)
    static func step(_ segment: Segment, from value: JSONValue) -> JSONValue? {
        switch segment {
        case .key(let name):
            return name.withUnsafeBytes { value.member($0) }
        case .index(let index, let name):
            if value.isArray { return index < value.count ? value[index] : nil }
            return name.withUnsafeBytes { value.member($0) }
        }
    }
}
