/// Tokens of a bucket that fills at a rate and never holds more than its capacity. A bucket nobody has used is full.
package struct TokenRequest: Sendable, Equatable {
    package var key: String
    /// Tokens a second, above 0.
    package var rate: Double
    /// At least 1.
    package var capacity: Double
    package var wanted: Int
    /// Tokens taken before that were not used.
    package var returned: Int

    package init(key: String, rate: Double, capacity: Double, wanted: Int, returned: Int = 0) {
        precondition(rate > 0 && capacity >= 1 && wanted >= 0 && returned >= 0, "no bucket is like that")
        self.key = key
        self.rate = rate
        self.capacity = capacity
        self.wanted = wanted
        self.returned = returned
    }
}

package struct TokenGrant: Sendable, Equatable {
    /// At most what was wanted.
    package var granted: Int
    /// Whole tokens that are left.
    package var left: Int
    /// Until the next token; zero where one is left.
    package var wait: Duration

    package init(granted: Int, left: Int, wait: Duration) {
        self.granted = granted
        self.left = left
        self.wait = wait
    }
}

package enum ClaimAnswer: Sendable, Equatable {
    /// The work is the caller's; it settles the claim.
    case won
    /// Somebody else is at it.
    case underWay
    /// It was done, this long ago.
    case settled([UInt8], age: Duration)
}

package struct PermitRequest: Sendable, Equatable {
    package var key: String
    /// How many may be out at a time.
    package var limit: Int
    /// A name that nobody else uses.
    package var holder: String
    /// After which a permit that is not renewed is free again.
    package var lease: Duration

    package init(key: String, limit: Int, holder: String, lease: Duration) {
        self.key = key
        self.limit = limit
        self.holder = holder
        self.lease = lease
    }
}

/// What one instance wants the others to know for a while.
package struct Notice: Sendable, Equatable {
    package var name: String
    /// When it was posted, in microseconds on the backend's clock: of two, the later is greater.
    package var stamp: Int64
    /// Until it runs out.
    package var left: Duration

    package init(name: String, stamp: Int64, left: Duration) {
        self.name = name
        self.stamp = stamp
        self.left = left
    }
}

/// A small message to all instances.
package struct Announcement: Sendable, Equatable {
    /// What it is about: a word of the room that announces.
    package var topic: String
    package var text: String

    package init(topic: String, text: String = "") {
        self.topic = topic
        self.text = text
    }

    /// Comes by itself where others may have been missed: time to look.
    package static let missed = Announcement(topic: "missed")
}
