import SharedState
import Vocabulary

extension SharedStateConformance {
    private static let long = Duration.seconds(600)
    private static let reply: [UInt8] = [0, 13, 10, 255, 36, 42, 0]

    static let claimPromises: [String: @Sendable (Place) async throws -> Void] = [
        "of all who claim a key at once, one wins": { place in
            let key = key("one")
            let winners = try await withThrowingTaskGroup(of: ClaimAnswer.self) { group in
                for turn in 0..<50 {
                    group.addTask { try await place.view(turn).claim(key, holder: "h\(turn)", lease: long) }
                }
                return try await group.reduce(into: [ClaimAnswer]()) { $0.append($1) }
            }
            try expect(winners.count { $0 == .won } == 1, "one won")
            try expect(winners.count { $0 == .underWay } == 49, "the others are told that it is under way")
        },
        "its holder may claim it again": { place in
            let key = key("again")
            let first = try await place.view(0).claim(key, holder: "a", lease: long)
            let again = try await place.view(1).claim(key, holder: "a", lease: long)
            try expect(first == .won && again == .won, "\(first), \(again)")
        },
        "a settled reply is seen by all, as it was, until its time is up": { place in
            let key = key("settled")
            _ = try await place.view(0).claim(key, holder: "a", lease: long)
            let kept = try await place.view(0).settle(key, holder: "a", with: reply, lifetime: place.unit)
            for (number, view) in place.views.enumerated() {
                guard case .settled(let bytes, let age) = try await view.claim(key, holder: "b", lease: long) else {
                    throw Broken(description: "view \(number) does not see it")
                }
                try expect(bytes == reply && age >= .zero && age <= place.unit, "what it sees: \(bytes), \(age)")
            }
            try await place.lettingTimePass(place.unit * 3 / 2)
            let after = try await place.view(1).claim(key, holder: "b", lease: long)
            try expect(kept, "it was kept")
            try expect(after == .won, "its time is up: \(after)")
        },
        "a reply is settled once, by who holds the claim": { place in
            let key = key("once")
            _ = try await place.view(0).claim(key, holder: "a", lease: long)
            let stranger = try await place.view(1).settle(key, holder: "b", with: [1], lifetime: long)
            let letGo = try await place.view(1).settle(key, holder: "b", with: nil, lifetime: long)
            let holder = try await place.view(0).settle(key, holder: "a", with: [2], lifetime: long)
            let twice = try await place.view(0).settle(key, holder: "a", with: [3], lifetime: long)
            let undone = try await place.view(0).settle(key, holder: "a", with: nil, lifetime: long)

            try expect(!stranger && !letGo && holder && !twice && !undone, "\((stranger, holder, twice, undone))")
            guard case .settled([2], _) = try await place.view(1).claim(key, holder: "c", lease: long) else {
                throw Broken(description: "the first reply stays")
            }
        },
        "a claim that is let go of can be won by another": { place in
            let key = key("let go")
            _ = try await place.view(0).claim(key, holder: "a", lease: long)
            let letGo = try await place.view(0).settle(key, holder: "a", with: nil, lifetime: long)
            let next = try await place.view(1).claim(key, holder: "b", lease: long)
            try expect(letGo && next == .won, "\(letGo), \(next)")
        },
        "a claim whose lease is over can be won, and its first holder changes nothing any more": { place in
            let key = key("over")
            _ = try await place.view(0).claim(key, holder: "a", lease: place.unit)
            try await place.lettingTimePass(place.unit * 3 / 2)
            let next = try await place.view(1).claim(key, holder: "b", lease: long)
            let late = try await place.view(0).settle(key, holder: "a", with: [1], lifetime: long)
            let letGo = try await place.view(0).settle(key, holder: "a", with: nil, lifetime: long)

            try expect(next == .won && !late && !letGo, "\((next, late, letGo))")
        },
        "work that was done after its claim was void is kept where nobody else is at it": { place in
            let key = key("void")
            let kept = try await place.view(0).settle(key, holder: "a", with: [7], lifetime: long)
            guard case .settled([7], _) = try await place.view(1).claim(key, holder: "b", lease: long) else {
                throw Broken(description: "it is seen")
            }
            try expect(kept, "it was kept")
        },
        "an empty reply is a reply": { place in
            let key = key("empty")
            _ = try await place.view(0).claim(key, holder: "a", lease: long)
            _ = try await place.view(0).settle(key, holder: "a", with: [], lifetime: long)
            guard case .settled([], _) = try await place.view(1).claim(key, holder: "b", lease: long) else {
                throw Broken(description: "it is seen")
            }
        },
        "a key of one kind means nothing to another": { place in
            let key = key("kinds")
            _ = try await place.view(0).claim(key, holder: "a", lease: long)
            let grant = try await place.view(0).takeTokens(TokenRequest(key: key, rate: 1, capacity: 2, wanted: 1))
            let permit = try await place.view(0).takePermit(
                PermitRequest(key: key, limit: 1, holder: "a", lease: long))
            try await place.view(0).post(key, on: key, lifetime: long)
            let notices = try await place.view(0).read(key)
            try expect(grant.granted == 1 && permit && notices.map(\.name) == [key], "each has its own")
        },
    ]
}
