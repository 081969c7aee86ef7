/// Who waits for an answer, in order: answers come in the order of the questions, so whoever gives up leaves a place
/// behind, which takes the answer that nobody waits for any more.
///
/// Invariants: an answer goes to who asked the question it belongs to, or to nobody; each waiter is let go exactly once.
/// Times are nanoseconds on one clock.
///
/// Every command goes through here, so it is a ring of its own: a waiter is moved in once and out once, and what is
/// searched by time lies together. A class, because the runtime checks each use of a value inside another object.
final class CallLine<Waiter> {
    private struct Note {
        var deadline: UInt64
        var bytes: Int
        /// False where it was given up.
        var isWaiting: Bool
    }

    /// Two rings of one size, a power of two. A waiter is where a note in use says so.
    private var notes: UnsafeMutablePointer<Note>
    private var waiters: UnsafeMutablePointer<Waiter>
    private var size: Int
    private var head = 0
    /// Places, given up or not.
    private(set) var count = 0
    /// Of what is not answered, given up or not.
    private(set) var bytes = 0

    private static var smallest: Int { 16 }

    init() {
        size = Self.smallest
        notes = .allocate(capacity: size)
        waiters = .allocate(capacity: size)
    }

    deinit {
        for offset in 0..<count where notes[place(offset)].isWaiting { _ = letGo(place(offset)) }
        notes.deallocate()
        waiters.deallocate()
    }

    var isEmpty: Bool { count == 0 }

    /// Where in the rings it is.
    private func place(_ offset: Int) -> Int { (head &+ offset) & (size &- 1) }

    private func letGo(_ place: Int) -> Waiter {
        notes[place].isWaiting = false
        return (waiters + place).move()
    }

    func append(_ waiter: Waiter, deadline: UInt64, bytes: Int) {
        if count == size { rebuild(size: 2 * size) { _ in true } }
        let place = place(count)
        (waiters + place).initialize(to: waiter)
        (notes + place).initialize(to: Note(deadline: deadline, bytes: bytes, isWaiting: true))
        count += 1
        self.bytes += bytes
    }

    /// An answer will come that nobody waits for.
    func appendNobody(deadline: UInt64, bytes: Int) {
        if count == size { rebuild(size: 2 * size) { _ in true } }
        (notes + place(count)).initialize(to: Note(deadline: deadline, bytes: bytes, isWaiting: false))
        count += 1
        self.bytes += bytes
    }

    /// The first place is answered.
    ///
    /// - Returns: who waits there; nil where nobody does.
    func take() -> Waiter? {
        guard count > 0 else { return nil }
        let place = head
        head = self.place(1)
        count -= 1
        bytes -= notes[place].bytes
        return notes[place].isWaiting ? letGo(place) : nil
    }

    /// - Parameter keepingPlaces: whether answers will come for them all the same.
    /// - Returns: those whose time is up.
    func expire(at now: UInt64, keepingPlaces: Bool) -> [Waiter] {
        var expired: [Waiter] = []
        for place in (0..<count).lazy.map(place) where notes[place].isWaiting && notes[place].deadline <= now {
            expired.append(letGo(place))
        }
        if !keepingPlaces, !expired.isEmpty { rebuild(size: size, keeping: \.isWaiting) }
        return expired
    }

    func removeAll() -> [Waiter] {
        var left: [Waiter] = []
        for place in (0..<count).lazy.map(place) where notes[place].isWaiting { left.append(letGo(place)) }
        rebuild(size: Self.smallest) { _ in false }
        return left
    }

    /// - Parameter isKept: of a place where somebody waits, true.
    private func rebuild(size new: Int, keeping isKept: (Note) -> Bool) {
        let (oldNotes, oldWaiters) = (notes, waiters)
        let old = (0..<count).map(place)
        size = new
        notes = .allocate(capacity: new)
        waiters = .allocate(capacity: new)
        (head, count, bytes) = (0, 0, 0)
        for place in old where isKept(oldNotes[place]) {
            (notes + count).initialize(to: oldNotes[place])
            if oldNotes[place].isWaiting { (waiters + count).moveInitialize(from: oldWaiters + place, count: 1) }
            bytes += oldNotes[place].bytes
            count += 1
        }
        oldNotes.deallocate()
        oldWaiters.deallocate()
    }

    /// When the next waiter's time is up; `.max` where nobody waits.
    var nextDeadline: UInt64 {
        (0..<count).lazy.map { self.notes[self.place($0)] }.reduce(.max) { $1.isWaiting ? min($0, $1.deadline) : $0 }
    }

    /// When the first place's time was up, if it was given up.
    var firstGivenUp: UInt64? {
        guard count > 0, !notes[head].isWaiting else { return nil }
        return notes[head].deadline
    }
}
