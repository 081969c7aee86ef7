import Seeds
import SharedState
import Vocabulary

extension SharedStateConformance {
    static let bucketPromises: [String: @Sendable (Place) async throws -> Void] = [
        "a bucket begins full, and gives no more than it holds": { place in
            let key = key("full")
            let first = try await place.view(0).takeTokens(ask(key, 3))
            let rest = try await place.view(1).takeTokens(ask(key, 10))
            let none = try await place.view(0).takeTokens(ask(key, 1))

            try expect(first.granted == 3 && first.left == 2 && first.wait == .zero, "3 of 5: \(first)")
            try expect(rest.granted == 2 && rest.left == 0, "the other 2: \(rest)")
            try expect(none.granted == 0 && none.wait > .zero, "nothing: \(none)")
            try expect(none.wait <= .seconds(1000), "the next one comes at the rate: \(none)")
        },
        "what is returned is there again, and never more than a bucket holds": { place in
            let key = key("returned")
            _ = try await place.view(0).takeTokens(ask(key, 5))
            let again = try await place.view(1).takeTokens(ask(key, 5, returned: 2))
            _ = try await place.view(1).takeTokens(ask(key, 0, returned: 500))
            let full = try await place.view(0).takeTokens(ask(key, 500))

            try expect(again.granted == 2, "2 came back: \(again)")
            try expect(full.granted == 5, "a bucket of 5 was full: \(full)")
        },
        "a bucket fills at its rate, and no further than its capacity": { place in
            let key = key("fills")
            let rate = 20 / place.unit.inSeconds
            _ = try await place.view(0).takeTokens(ask(key, 5, rate: rate))
            try await place.lettingTimePass(place.unit * 2)
            let grant = try await place.view(1).takeTokens(ask(key, 500, rate: rate))

            try expect(grant.granted == 5, "5 and not 40: \(grant)")
        },
        "over any time, instances together take no more than the law of the bucket allows": { place in
            for seed in 0..<8 as Range<UInt64> {
                var random = SeededRandom(seed: seed)
                let key = key("law")
                let capacity = Double.random(in: 1...30, using: &random)
                let rate = Double.random(in: 1...50, using: &random) / place.unit.inSeconds
                let began = place.elapsed()
                var (taken, held) = (0, 0)
                for turn in 0..<40 {
                    let back = random.chance(oneIn: 3) ? Int.random(in: 0...held, using: &random) : 0
                    let grant = try await place.view(turn).takeTokens(
                        TokenRequest(
                            key: key, rate: rate, capacity: capacity, wanted: Int.random(in: 0...9, using: &random),
                            returned: back))
                    taken += grant.granted - back
                    held += grant.granted - back
                    let allowed = capacity + rate * (place.elapsed() - began).inSeconds
                    try expect(Double(taken) <= allowed + 0.001, "seed \(seed): \(taken) taken, \(allowed) allowed")
                    if random.chance(oneIn: 4) { try await place.lettingTimePass(place.unit / 50) }
                }
            }
        },
        "asked for at once by all, a bucket gives each token to one": { place in
            let key = key("at once")
            let granted = try await withThrowingTaskGroup(of: Int.self) { group in
                for turn in 0..<60 {
                    group.addTask { try await place.view(turn).takeTokens(ask(key, 1, capacity: 20)).granted }
                }
                return try await group.reduce(0, +)
            }
            try expect(granted == 20, "20 tokens for 60: \(granted)")
        },
    ]

    /// A bucket that hardly fills.
    private static func ask(
        _ key: String, _ wanted: Int, returned: Int = 0, rate: Double = 0.001, capacity: Double = 5
    ) -> TokenRequest {
        TokenRequest(key: key, rate: rate, capacity: capacity, wanted: wanted, returned: returned)
    }
}
