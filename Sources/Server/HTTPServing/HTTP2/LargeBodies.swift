/// Who of the streams of one connection may gather a large body now. The others wait in line: their windows stay shut,
/// so that a connection with many uploads takes a bounded amount of memory, and every upload that has begun can end.
struct LargeBodies<Stream: Hashable> {
    private let most: Int
    private var admitted: Set<Stream> = []
    private var waiting: [Stream] = []

    /// - Parameter most: how many at a time, at least 1.
    init(most: Int) { self.most = max(1, most) }

    var count: Int { admitted.count }

    /// - Returns: whether it may go on at once; else ``leave(_:)`` will name it when its turn has come.
    mutating func enter(_ stream: Stream) -> Bool {
        if admitted.contains(stream) { return true }
        if admitted.count < most {
            admitted.insert(stream)
            return true
        }
        if !waiting.contains(stream) { waiting.append(stream) }
        return false
    }

    /// - Returns: the one whose turn has come by this.
    mutating func leave(_ stream: Stream) -> Stream? {
        guard admitted.remove(stream) != nil else {
            waiting.removeAll { $0 == stream }
            return nil
        }
        guard !waiting.isEmpty else { return nil }
        let next = waiting.removeFirst()
        admitted.insert(next)
        return next
    }
}
