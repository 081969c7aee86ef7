/// `orders.*` and the like: `*` stands for any run of characters, everything else for itself.
package enum Glob {
    /// Whether a name is among those that are wanted; `include` empty for all.
    package static func selects(_ name: String, include: [String], exclude: [String]) -> Bool {
        (include.isEmpty || include.contains { matches($0, name) }) && !exclude.contains { matches($0, name) }
    }

    package static func matches(_ pattern: String, _ text: String) -> Bool {
        let pattern = Array(pattern.utf8)
        let text = Array(text.utf8)
        var place = 0
        var at = 0
        var star: (place: Int, at: Int)?
        while at < text.count {
            if place < pattern.count, pattern[place] == UInt8(ascii: "*") {
                star = (place, at)
                place += 1
            } else if place < pattern.count, pattern[place] == text[at] {
                place += 1
                at += 1
            } else if let last = star {
                star = (last.place, last.at + 1)
                place = last.place + 1
                at = last.at + 1
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
