/// When to read files again that change under us: once a change has settled, and never the same state twice, so that a
/// pair that is half replaced is neither used nor complained about.
struct ReloadDecision<Stamp: Equatable> {
    private var tried: Stamp
    private var seen: Stamp

    /// - Parameter loaded: the state that is in use.
    init(loaded: Stamp) {
        tried = loaded
        seen = loaded
    }

    /// - Parameter isAsked: somebody asked for it: then at once and whatever the state.
    mutating func reads(_ stamp: Stamp, isAsked: Bool = false) -> Bool {
        let isSettled = stamp == seen
        seen = stamp
        guard isAsked || isSettled && stamp != tried else { return false }
        tried = stamp
        return true
    }
}

extension ReloadDecision: Sendable where Stamp: Sendable {}
