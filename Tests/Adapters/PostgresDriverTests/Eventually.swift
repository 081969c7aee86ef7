import Testing

/// Asks again until it holds, for at most twenty seconds.
func eventually(
    _ location: SourceLocation = #_sourceLocation, _ holds: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + .seconds(20)
    while try await !holds() {
        try #require(
            ContinuousClock.now < deadline, "it did not come about in twenty seconds", sourceLocation: location)
        await Task.yield()
    }
}
