/// The same decisions for those who may wait.
extension StateSharing {
    private func wait<Value: Sendable>(
        for ask: (@escaping Answer<Value>) -> Void
    ) async throws(SharedStateFailure) -> Value {
        let result = await withCheckedContinuation { continuation in ask { continuation.resume(returning: $0) } }
        return try result.get()
    }

    package func takeTokens(_ request: TokenRequest) async throws(SharedStateFailure) -> TokenGrant {
        try await wait { takeTokens(request, then: $0) }
    }

    package func claim(
        _ key: String, holder: String, lease: Duration
    ) async throws(SharedStateFailure) -> ClaimAnswer {
        try await wait { claim(key, holder: holder, lease: lease, then: $0) }
    }

    package func settle(
        _ key: String, holder: String, with reply: [UInt8]?, lifetime: Duration
    ) async throws(SharedStateFailure) -> Bool {
        try await wait { settle(key, holder: holder, with: reply, lifetime: lifetime, then: $0) }
    }

    package func takePermit(_ request: PermitRequest) async throws(SharedStateFailure) -> Bool {
        try await wait { takePermit(request, then: $0) }
    }

    package func returnPermit(_ key: String, holder: String) async throws(SharedStateFailure) -> Bool {
        try await wait { returnPermit(key, holder: holder, then: $0) }
    }

    package func renewPermits(
        _ key: String, holders: [String], lease: Duration
    ) async throws(SharedStateFailure) {
        try await wait { renewPermits(key, holders: holders, lease: lease, then: $0) }
    }

    package func post(
        _ name: String, on board: String, lifetime: Duration
    ) async throws(SharedStateFailure) {
        try await wait { post(name, on: board, lifetime: lifetime, then: $0) }
    }

    package func withdraw(_ name: String, from board: String) async throws(SharedStateFailure) {
        try await wait { withdraw(name, from: board, then: $0) }
    }

    package func read(_ board: String) async throws(SharedStateFailure) -> [Notice] {
        try await wait { read(board, then: $0) }
    }

    package func announce(_ announcement: Announcement) async throws(SharedStateFailure) {
        try await wait { announce(announcement, then: $0) }
    }

    package func ping() async throws(SharedStateFailure) { try await wait { ping(then: $0) } }
}
