/// Versions of the Model Context Protocol that are spoken, oldest first. What we use of it is the same in all but for batches.
enum ProtocolVersion: String, CaseIterable {
    case november2024 = "2024-11-05"
    case march2025 = "2025-03-26"
    case june2025 = "2025-06-18"
    case november2025 = "2025-11-25"

    /// For clients whose version is not known here; they say whether that will do.
    static let latest = ProtocolVersion.november2025
    /// Where a request names none (specification 2025-06-18, Transports, "Protocol Version Header").
    static let assumed = ProtocolVersion.march2025

    /// Several messages in one request: taken away with 2025-06-18.
    var hasBatches: Bool { self == .november2024 || self == .march2025 }
}
