package import JSONTree

/// What a caller shows to say who they are, while the request is at hand.
package struct CallerEvidence {
    /// The first value of a header, by its lower-case name.
    package var header: (_ name: String) -> String?
    /// The body as it came.
    package var body: UnsafeRawBufferPointer
    /// Seconds since 1970, for replay windows and the times in tokens.
    package var unixSeconds: Int64
    /// ``Stopwatch`` nanoseconds, for the age of keys.
    package var nanoseconds: UInt64
    /// Where claims are put.
    package var arena: JSONArena
    /// Whether the request can wait for what is missing; false when it has.
    package var mayWait: Bool

    package init(
        header: @escaping (String) -> String?, body: UnsafeRawBufferPointer, unixSeconds: Int64,
        nanoseconds: UInt64, arena: JSONArena, mayWait: Bool = true
    ) {
        self.header = header
        self.body = body
        self.unixSeconds = unixSeconds
        self.nanoseconds = nanoseconds
        self.arena = arena
        self.mayWait = mayWait
    }
}

/// Why a caller is refused: for counting alone. From outside every cause of a no looks the same.
package enum CallerRefusal: String, Error, Sendable, CaseIterable {
    case missing, malformed, algorithm
    case unknownKey = "unknown_key"
    case signature, expired
    case notYetValid = "not_yet_valid"
    case issuer, audience
    /// A key or signature that is wrong, or too old.
    case credentials
}

/// What is known of a caller who was let in.
package struct CallerIdentity {
    package var mode: StaticString
    /// Names the key without telling it; see ``KeyCheck``.
    package var keyID: String?
    /// All claims of a token, for the channel's own rules.
    package var claims: JSONValue?
    /// Those that go to the workflow.
    package var visibleClaims: JSONValue?

    package init(mode: StaticString) { self.mode = mode }

    /// `{"mode", "key_id"?, "claims"?}`, as workflows see it at `metadata.auth`.
    package func write(showingAll: Bool, in arena: JSONArena) -> JSONValue {
        var members = JSONObjectBuilder(capacity: 3, in: arena)
        members.append(key: "mode", .string(mode))
        if let keyID { members.append(key: "key_id", .string(keyID, in: arena)) }
        if let claims = showingAll ? claims : visibleClaims { members.append(key: "claims", claims) }
        return members.finish()
    }
}

package enum CallerVerdict {
    /// Let in; nil for a caller who shows nothing where nothing has to be shown.
    case accepted(CallerIdentity?)
    case refused(CallerRefusal)
    /// What is needed to tell is not here. `after` brings it, within seconds; nil where it is not to be had now.
    case undecided(after: (@Sendable () async -> Void)?)
}

/// Checks what callers show.
package protocol CallerChecking: Sendable {
    func judge(_ evidence: CallerEvidence) -> CallerVerdict

    /// Whether ``upkeep(at:)`` can ever ask for something.
    var hasUpkeep: Bool { get }

    /// What should be done about keys that grow old, beside the request that noticed.
    ///
    /// - Parameter now: ``Stopwatch`` nanoseconds.
    func upkeep(at now: UInt64) -> (@Sendable () async -> Void)?
}

extension CallerChecking {
    package var hasUpkeep: Bool { false }
    package func upkeep(at now: UInt64) -> (@Sendable () async -> Void)? { nil }
}

/// Compares in a time that does not depend on where two texts differ.
enum ConstantTime {
    static func isSame(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
