import CRegex

/// A regular expression, in RE2's syntax: compiled once, used by any number of threads. Matching is linear in the text,
/// so neither a pattern nor a text of a stranger can hold a thread.
package final class Pattern: Sendable {
    // Never written to after `init`; RE2 locks what it caches.
    private nonisolated(unsafe) let regex: OpaquePointer
    /// Groups in brackets, without the whole match.
    package let groupCount: Int
    /// By group, from 1: the names of those that have one.
    package let names: [Int: String]

    package struct Malformed: Error, Sendable, Equatable {
        package var message: String

        package init(message: String) { self.message = message }
    }

    /// Where a match and its groups are, in bytes; nil for groups that took no part.
    package struct Match: Sendable, Equatable {
        package var whole: Range<Int>
        package var groups: [Range<Int>?]

        package init(whole: Range<Int>, groups: [Range<Int>?]) {
            self.whole = whole
            self.groups = groups
        }
    }

    /// Bytes of a pattern, so that compiling it is quick.
    package static let mostBytes = 1000
    private static let mostMemory: Int64 = 4 << 20
    private static let mostGroups = 64

    /// `\C` takes single bytes, and so would cut characters into pieces that are no text.
    private static func matchesBytes(_ text: String) -> Bool {
        var isEscaped = false
        for byte in text.utf8 {
            if isEscaped, byte == UInt8(ascii: "C") { return true }
            isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
        }
        return false
    }

    /// - Parameter flags: any of `i` (either case), `m` (`^` and `$` at lines) and `s` (`.` takes line ends too).
    package init(_ text: String, flags: String = "") throws(Malformed) {
        guard text.utf8.count <= Self.mostBytes else {
            throw Malformed(message: "A pattern has at most \(Self.mostBytes) bytes.")
        }
        guard flags.allSatisfy({ "ims".contains($0) }) else {
            throw Malformed(message: "There are the flags i, m and s.")
        }
        guard !Self.matchesBytes(text) else {
            throw Malformed(message: "`\\C` would match half a character; use `.` instead.")
        }
        let whole = flags.isEmpty ? text : "(?\(flags))\(text)"
        var reason = [CChar](repeating: 0, count: 256)
        let made = whole.utf8.withContiguousStorageIfAvailable { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                weir_regex_create($0.baseAddress, $0.count, Self.mostMemory, &reason, reason.count)
            }
        }
        guard let regex = made ?? nil else {
            let told = String(decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw Malformed(message: "The pattern cannot be used: \(told)")
        }
        let count = Int(weir_regex_groups(regex))
        guard count <= Self.mostGroups else {
            weir_regex_destroy(regex)
            throw Malformed(message: "A pattern has at most \(Self.mostGroups) groups.")
        }
        self.regex = regex
        groupCount = count
        var names: [Int: String] = [:]
        for group in 1..<count + 1 {
            if let name = weir_regex_group_name(regex, Int32(group)) { names[group] = String(cString: name) }
        }
        self.names = names
    }

    deinit { weir_regex_destroy(regex) }

    /// The first match from `start` on.
    package func search(_ text: UnsafeRawBufferPointer, from start: Int = 0) -> Match? {
        var spans = [Int64](repeating: -1, count: 2 * (groupCount + 1))
        let bytes = text.bindMemory(to: CChar.self)
        // A pointer is needed even where there is nothing: a null text has no groups that take part.
        let found = withUnsafePointer(to: CChar(0)) { nothing in
            weir_regex_search(
                regex, bytes.baseAddress ?? nothing, bytes.count, start, &spans, Int32(groupCount + 1))
        }
        guard found == 1 else { return nil }
        func span(_ group: Int) -> Range<Int>? {
            spans[2 * group] < 0 ? nil : Int(spans[2 * group])..<Int(spans[2 * group + 1])
        }
        return Match(whole: span(0) ?? start..<start, groups: (1..<groupCount + 1).map(span))
    }

    /// Calls `body` with each match, from left to right, none overlapping, until it returns `false`.
    package func forEachMatch(in text: UnsafeRawBufferPointer, _ body: (Match) -> Bool) {
        var start = 0
        var lastEnd = -1
        while start <= text.count, let match = search(text, from: start) {
            let isEmpty = match.whole.isEmpty
            // An empty match right behind another one is part of it.
            if !(isEmpty && match.whole.lowerBound == lastEnd), !body(match) { return }
            lastEnd = match.whole.upperBound
            start = lastEnd
            guard isEmpty else { continue }
            start += 1
            while start < text.count, text[start] & 0xC0 == 0x80 { start += 1 }  // never inside a character
        }
    }
}
