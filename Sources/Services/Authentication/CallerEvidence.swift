/// What a caller shows to say who they are, while the request is at hand.
package struct CallerEvidence {
    /// The first value of a header, by its lower-case name.
    package var header: (_ name: String) -> String?
    /// The body as it came.
    package var body: UnsafeRawBufferPointer
    /// Seconds since 1970, for replay windows.
    package var unixSeconds: Int64

    package init(header: @escaping (String) -> String?, body: UnsafeRawBufferPointer, unixSeconds: Int64) {
        self.header = header
        self.body = body
        self.unixSeconds = unixSeconds
    }
}

/// Checks what callers show. Every cause of a no looks the same from outside.
package protocol CallerChecking: Sendable {
    func accepts(_ evidence: CallerEvidence) -> Bool
}

/// Compares in a time that does not depend on where two texts differ.
enum ConstantTime {
    static func isSame(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
