import NIOPosix
import RealServices
import SharedState
import SharedStateConformance
import SharedStateRedis
import Testing

/// Places for the kit: three instances, each with connections of its own, that share one Redis.
enum RedisPlace {
    static let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)

    /// - Parameter timeout: long: the kit is about what is answered, and the machine is busy.
    static func make(_ url: String, timeout: Duration = .seconds(10)) throws -> SharedStateConformance.Place {
        let views = try (0..<3).map { _ in
            try RedisSharedState(url: url, prefix: "kit", timeout: timeout, group: group)
        }
        let start = ContinuousClock.now
        return .init(
            views: views, unit: .seconds(1),
            lettingTimePass: { try await Task.sleep(for: $0) }, elapsed: { ContinuousClock.now - start })
    }

    static func verify(_ promise: String, at url: String) async throws {
        let place = try make(url)
        // A client learns first which server decides; until then it says at once that it knows none.
        let deadline = ContinuousClock.now + .seconds(30)
        for view in place.views {
            while (try? await view.ping()) == nil {  // not yet
                try #require(ContinuousClock.now < deadline, "it answers")
                try await Task.sleep(for: .milliseconds(10))
            }
        }
        do { try await SharedStateConformance(of: place).verify(promise) } catch {
            await close(place)
            throw error
        }
        await close(place)
    }

    static func close(_ place: SharedStateConformance.Place) async {
        for view in place.views { await view.close() }
    }
}

@Suite struct RedisSharedStateTests {
    @Test(arguments: SharedStateConformance.promises.keys.sorted())
    func `Redis keeps the promise`(_ promise: String) async throws {
        try await RedisPlace.verify(promise, at: RealRedis.shared().url)
    }

    @Test(arguments: SharedStateConformance.promises.keys.sorted())
    func `a cluster keeps the promise`(_ promise: String) async throws {
        try await RedisPlace.verify(promise, at: RealRedisCluster.shared().url)
    }

    @Test func `keys tell nothing of what they are made of`() async throws {
        let redis = try RealRedis()
        let state = try RedisSharedState(
            url: redis.url, prefix: "here", timeout: .seconds(10), group: RedisPlace.group)
        _ = try await state.takeTokens(TokenRequest(key: "Bearer secret", rate: 0.001, capacity: 2, wanted: 1))
        _ = try await state.claim("secret", holder: "a", lease: .seconds(60))
        await state.close()

        let keys = try redis.cli("KEYS", "*").split(separator: "\n")
        #expect(keys.count == 2 && keys.allSatisfy { $0.hasPrefix("here:") && !$0.contains("secret") }, "\(keys)")
        for key in keys { #expect(Int(try redis.cli("PTTL", String(key))) ?? -1 > 0, "\(key) runs out") }
    }

    @Test func `a Redis that is paused or gone is told of within the deadline, and found again`() async throws {
        let redis = try RealRedis()
        let state = try RedisSharedState(
            url: redis.url, prefix: "kit", timeout: .milliseconds(50), group: RedisPlace.group)
        var failures: [SharedStateFailure] = []
        func ask() async -> SharedStateFailure? {
            do throws(SharedStateFailure) { try await state.ping() } catch { return error }
            return nil
        }
        func waits(_ isUp: Bool) async throws {
            let deadline = ContinuousClock.now + .seconds(20)
            while (await ask() == nil) != isUp { try #require(ContinuousClock.now < deadline) }
        }

        try await waits(true)
        redis.pause()
        for _ in 0..<5 {
            let began = ContinuousClock.now
            if let failure = await ask() { failures.append(failure) }
            #expect(ContinuousClock.now - began < .seconds(2))
        }
        redis.resume()
        try await waits(true)
        redis.stop()
        try await waits(false)
        try redis.start()
        try await waits(true)
        await state.close()

        #expect(failures.count == 5 && failures.allSatisfy { $0 == .late || !$0.isOutcomeUnknown }, "\(failures)")
    }

    @Test func `behind Sentinel it keeps every promise, before a failover and after it`() async throws {
        let sentinels = try RealSentinels()
        func verifyAll(_ when: String) async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for promise in SharedStateConformance.promises.keys {
                    group.addTask {
                        do { try await RedisPlace.verify(promise, at: sentinels.url) } catch {
                            Issue.record("\(when), \(promise): \(error)")
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        let follower = try RedisSharedState(
            url: sentinels.url, prefix: "kit", timeout: .milliseconds(50), group: RedisPlace.group)
        try await verifyAll("before")
        sentinels.master.stop()
        _ = try sentinels.nextMaster(after: sentinels.master.port)
        let deadline = ContinuousClock.now + .seconds(60)
        while (try? await follower.ping()) == nil {  // not yet
            try #require(ContinuousClock.now < deadline, "an instance that ran before finds the new master")
        }
        try await verifyAll("after")
        await follower.close()
    }
}
