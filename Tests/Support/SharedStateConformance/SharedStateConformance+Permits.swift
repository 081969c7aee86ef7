import Seeds
import SharedState
import Vocabulary

extension SharedStateConformance {
    private static let long = Duration.seconds(600)

    private static func ask(_ key: String, _ holder: String, limit: Int = 2, _ lease: Duration = long) -> PermitRequest
    {
        PermitRequest(key: key, limit: limit, holder: holder, lease: lease)
    }

    static let permitPromises: [String: @Sendable (Place) async throws -> Void] = [
        "no more permits are out than there are, whoever asks": { place in
            let key = key("limit")
            let taken = try await withThrowingTaskGroup(of: Bool.self) { group in
                for turn in 0..<30 {
                    group.addTask { try await place.view(turn).takePermit(ask(key, "h\(turn)", limit: 7)) }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            try expect(taken == 7, "7 of 30: \(taken)")
        },
        "a permit is returned exactly once": { place in
            let key = key("once")
            _ = try await place.view(0).takePermit(ask(key, "a"))
            _ = try await place.view(1).takePermit(ask(key, "b"))
            let full = try await place.view(0).takePermit(ask(key, "c"))
            let returned = try await place.view(1).returnPermit(key, holder: "a")
            let twice = try await place.view(1).returnPermit(key, holder: "a")
            let next = try await place.view(0).takePermit(ask(key, "c"))
            let still = try await place.view(0).takePermit(ask(key, "d"))

            try expect(!full && returned && !twice && next && !still, "\((full, returned, twice, next, still))")
        },
        "who has a permit has one, however often it asks": { place in
            let key = key("same")
            _ = try await place.view(0).takePermit(ask(key, "a"))
            let again = try await place.view(1).takePermit(ask(key, "a"))
            let other = try await place.view(1).takePermit(ask(key, "b"))
            try expect(again && other, "one for each: \(again), \(other)")
        },
        "the permit of a holder that died is free when its lease is over": { place in
            let key = key("died")
            _ = try await place.view(0).takePermit(ask(key, "a", limit: 1, place.unit))
            try await place.lettingTimePass(place.unit * 3 / 2)
            let next = try await place.view(1).takePermit(ask(key, "b", limit: 1))
            let late = try await place.view(0).returnPermit(key, holder: "a")
            let other = try await place.view(0).takePermit(ask(key, "c", limit: 1))
            try expect(next && !late && !other, "\((next, late, other))")
        },
        "a permit that is renewed stays out": { place in
            let key = key("renewed")
            _ = try await place.view(0).takePermit(ask(key, "a", limit: 1, place.unit))
            try await place.view(0).renewPermits(key, holders: ["a"], lease: long)
            try await place.lettingTimePass(place.unit * 3 / 2)
            let next = try await place.view(1).takePermit(ask(key, "b", limit: 1))
            try expect(!next, "it is out")
        },
        "a permit that was lost is out again when its holder renews it": { place in
            let key = key("lost")
            try await place.view(0).renewPermits(key, holders: ["a", "b"], lease: long)
            let next = try await place.view(1).takePermit(ask(key, "c"))
            let returned = try await place.view(0).returnPermit(key, holder: "a")
            let then = try await place.view(1).takePermit(ask(key, "c"))
            try expect(!next && returned && then, "\((next, returned, then))")
        },
        "taken and returned in any order, permits and their count agree": { place in
            for seed in 0..<6 as Range<UInt64> {
                var random = SeededRandom(seed: seed)
                let key = key("any order")
                let limit = Int.random(in: 1...6, using: &random)
                var out: Set<String> = []
                for turn in 0..<60 {
                    let holder = "h\(Int.random(in: 0..<9, using: &random))"
                    let view = place.view(Int.random(in: 0..<9, using: &random))
                    if random.chance(oneIn: 2) {
                        let taken = try await view.takePermit(ask(key, holder, limit: limit))
                        try expect(
                            taken == (out.contains(holder) || out.count < limit), "seed \(seed), turn \(turn): take")
                        if taken { out.insert(holder) }
                    } else {
                        let returned = try await view.returnPermit(key, holder: holder)
                        try expect(returned == (out.remove(holder) != nil), "seed \(seed), turn \(turn): return")
                    }
                }
            }
        },
    ]
}
