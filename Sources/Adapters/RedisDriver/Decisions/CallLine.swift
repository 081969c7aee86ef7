import NIOCore

/// Who waits for an answer, in order: answers come in the order of the questions, so whoever gives up leaves a place
/// behind, which takes the answer that nobody waits for any more.
///
/// Invariants: an answer goes to who asked the question it belongs to, or to nobody; each waiter is let go exactly once.
/// Times are nanoseconds on one clock.
struct CallLine<Waiter> {
    private struct Place {
        /// Nil where it was given up.
        var waiter: Waiter?
        var deadline: UInt64
        var bytes: Int
    }

    private var places = CircularBuffer<Place>()
    /// Of what is not answered, given up or not.
    private(set) var bytes = 0

    /// Places, given up or not.
    var count: Int { places.count }
    var isEmpty: Bool { places.isEmpty }

    mutating func append(_ waiter: Waiter?, deadline: UInt64, bytes: Int) {
        places.append(Place(waiter: waiter, deadline: deadline, bytes: bytes))
        self.bytes += bytes
    }

    /// The first place is answered.
    ///
    /// - Returns: who waits there; nil where nobody does.
    mutating func take() -> Waiter? {
        guard let first = places.popFirst() else { return nil }
        bytes -= first.bytes
        return first.waiter
    }

    /// - Parameter keepingPlaces: whether answers will come for them all the same.
    /// - Returns: those whose time is up.
    mutating func expire(at now: UInt64, keepingPlaces: Bool) -> [Waiter] {
        var expired: [Waiter] = []
        for place in places.indices where places[place].deadline <= now {
            guard let waiter = places[place].waiter else { continue }
            expired.append(waiter)
            places[place].waiter = nil
        }
        if !keepingPlaces, !expired.isEmpty {
            places.removeAll { $0.waiter == nil }
            bytes = places.reduce(0) { $0 + $1.bytes }
        }
        return expired
    }

    mutating func removeAll() -> [Waiter] {
        let left = places.compactMap(\.waiter)
        places.removeAll()
        bytes = 0
        return left
    }

    /// When the next waiter's time is up; `.max` where nobody waits.
    var nextDeadline: UInt64 { places.reduce(.max) { $1.waiter == nil ? $0 : min($0, $1.deadline) } }

    /// When the first place's time was up, if it was given up.
    var firstGivenUp: UInt64? {
        guard let first = places.first, first.waiter == nil else { return nil }
        return first.deadline
    }
}
