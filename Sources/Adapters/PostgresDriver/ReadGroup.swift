/// Reads of several callers on their way, and how each is told.
struct ReadGroup {
    private(set) var reads: [PostgresRead]
    /// Where the steps of each end; as they were sent.
    var ends: [Int] = []
    private let finish: ([PostgresRead], Bool) -> Void

    init(reads: [PostgresRead], finish: @escaping ([PostgresRead], Bool) -> Void) {
        self.reads = reads
        self.finish = finish
        ends.reserveCapacity(reads.count)
    }

    /// - Parameters:
    ///   - tables: the answers of those before the one that failed.
    ///   - step: where it failed.
    mutating func answer(_ tables: [PostgresTable], _ failure: PostgresFailure?, at step: Int) {
        var left: [PostgresRead] = []
        var next = 0
        for place in reads.indices {
            let start = place == 0 ? 0 : ends[place - 1]
            if ends[place] <= step {
                let count = reads[place].statements.count
                reads[place].finish(.success(Array(tables[next..<next + count])))
                next += count
            } else if start <= step, let failure {
                reads[place].finish(.failure(failure))
            } else if reads[place].caller != nil {
                // Nothing is wrong with it.
                reads[place].isAlone = true
                left.append(reads[place])
            }
        }
        finish(left, false)
    }

    /// The connection is lost.
    mutating func fail(_ failure: PostgresFailure) {
        for place in reads.indices { reads[place].finish(.failure(failure)) }
        finish([], true)
    }

    /// - Returns: whether it is one of these.
    mutating func forget(_ ticket: UInt64) -> Bool {
        guard let place = reads.firstIndex(where: { $0.ticket == ticket }) else { return false }
        reads[place].finish(.failure(.cancelled))
        return true
    }
}
