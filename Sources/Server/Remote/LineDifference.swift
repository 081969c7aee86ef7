/// What changed between two texts, line by line: `-` gone, `+` new, and a few lines around for the place.
package enum LineDifference {
    /// Lines shown before and after a change.
    private static let context = 2

    package static func lines(from old: [String], to new: [String]) -> [String] {
        var all: [(mark: Character, text: String)] = []
        let difference = new.difference(from: old)
        var removed: Set<Int> = []
        var inserted: Set<Int> = []
        for change in difference {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, _, _): inserted.insert(offset)
            }
        }
        var from = 0
        var to = 0
        while from < old.count || to < new.count {
            if from < old.count, removed.contains(from) {
                all.append(("-", old[from]))
                from += 1
            } else if to < new.count, inserted.contains(to) {
                all.append(("+", new[to]))
                to += 1
            } else {
                all.append((" ", old[from]))
                from += 1
                to += 1
            }
        }
        return withContext(all)
    }

    private static func withContext(_ all: [(mark: Character, text: String)]) -> [String] {
        var shown = [Bool](repeating: false, count: all.count)
        for (place, line) in all.enumerated() where line.mark != " " {
            for near in max(0, place - context)...min(all.count - 1, place + context) { shown[near] = true }
        }
        var lines: [String] = []
        var skipped = false
        for (place, line) in all.enumerated() {
            guard shown[place] else {
                skipped = true
                continue
            }
            if skipped, !lines.isEmpty { lines.append("  …") }
            skipped = false
            lines.append("\(line.mark) \(line.text)")
        }
        return lines
    }
}
