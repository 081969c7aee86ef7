/// How traces are kept in partitions of time.
package struct PartitionLimits: Sendable, Equatable {
    /// Hours of traces in one partition; 1 and more.
    package var hours = 24
    /// Each new partition is split in so many by the hash of the channel; 1 for not.
    package var hashes = 1

    package init(hours: Int = 24, hashes: Int = 1) {
        self.hours = hours
        self.hashes = hashes
    }
}

/// Says which partitions have to be made. It is told the time, and touches nothing.
///
/// A partition holds the identifiers of a span of time: they begin with the milliseconds they were made at.
struct PartitionPlan {
    /// Milliseconds since 1970.
    struct Span: Equatable, Hashable, Sendable {
        var from: UInt64
        /// Not of it any more.
        var until: UInt64
    }

    let hours: Int
    /// How many spans are made ahead: an upkeep that fails for that long does no harm.
    static let ahead = 2
    private static let hour: UInt64 = 3_600_000

    /// Spans without a partition, from the present one on. None overlaps another or what is there.
    func missing(at now: UInt64, existing: [Span]) -> [Span] {
        let length = UInt64(max(1, hours)) * Self.hour
        let first = now / length * length
        return (0...UInt64(Self.ahead)).flatMap { place in
            let from = first + place * length
            return Self.rest(of: Span(from: from, until: from + length), without: existing)
        }
    }

    /// Partitions that hold nothing that is not below that time, oldest first.
    func past(_ time: UInt64, existing: [Span]) -> [Span] {
        existing.filter { $0.until <= time }.sorted { $0.from < $1.from }
    }

    private static func rest(of span: Span, without existing: [Span]) -> [Span] {
        var rest: [Span] = []
        var start = span.from
        for taken in existing.sorted(by: { $0.from < $1.from }) where taken.until > start && taken.from < span.until {
            if taken.from > start { rest.append(Span(from: start, until: taken.from)) }
            start = taken.until
        }
        if start < span.until { rest.append(Span(from: start, until: span.until)) }
        return rest
    }
}
