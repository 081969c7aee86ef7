import SharedState
import Vocabulary

extension SharedStateConformance {
    private static let long = Duration.seconds(600)

    static let noticePromises: [String: @Sendable (Place) async throws -> Void] = [
        "a notice is read by all until it is taken down": { place in
            let board = key("board")
            try await place.view(0).post("x", on: board, lifetime: long)
            try await place.view(1).post("y\n", on: board, lifetime: long)
            let both = try await place.view(1).read(board)
            try await place.view(1).withdraw("x", from: board)
            let one = try await place.view(0).read(board)
            let elsewhere = try await place.view(0).read(key("other board"))

            try expect(Set(both.map(\.name)) == ["x", "y\n"], "both: \(both)")
            try expect(both.allSatisfy { $0.left > .zero && $0.left <= long }, "with the time they have: \(both)")
            try expect(one.map(\.name) == ["y\n"] && elsewhere.isEmpty, "one: \(one), \(elsewhere)")
        },
        "a notice runs out": { place in
            let board = key("runs out")
            try await place.view(0).post("x", on: board, lifetime: place.unit)
            try await place.view(0).post("y", on: board, lifetime: long)
            try await place.lettingTimePass(place.unit * 3 / 2)
            let left = try await place.view(1).read(board)
            try expect(left.map(\.name) == ["y"], "\(left)")
        },
        "of two notices of one name the later is there, with a greater stamp": { place in
            let board = key("later")
            var last: Int64 = .min
            for turn in 0..<20 {
                try await place.view(turn).post("x", on: board, lifetime: long)
                let notices = try await place.view(turn + 1).read(board)
                try expect(notices.count == 1 && notices[0].stamp > last, "turn \(turn): \(notices)")
                last = notices[0].stamp
            }
        },
        "every listener hears what is announced, the sender too": { place in
            let topic = "topic \(UInt64.random(in: .min ... .max))"
            let heard = try await withThrowingTaskGroup(of: [String].self) { group in
                for view in place.views {
                    let stream = view.announcements()
                    group.addTask { await hear(stream, topic) }
                }
                // A subscription may take a moment: said again until all have heard.
                group.addTask {
                    while !Task.isCancelled {
                        try await place.view(0).announce(Announcement(topic: topic, text: "é\r\n1 \u{0}"))
                        try await Task.sleep(for: .milliseconds(20))
                    }
                    return []
                }
                var heard: [String] = []
                for try await text in group {
                    heard += text
                    if heard.count == place.views.count { break }
                }
                group.cancelAll()
                return heard
            }
            try expect(heard.count == place.views.count, "\(heard.count) of \(place.views.count) heard")
            try expect(heard.allSatisfy { $0 == "é\r\n1 \u{0}" }, "as it was said: \(heard)")
        },
        "it answers while it is there": { place in
            for view in place.views { try await view.ping() }
        },
    ]

    /// The text of the first announcement of a topic; nothing where none came for a long while.
    private static func hear(_ stream: AsyncStream<Announcement>, _ topic: String) async -> [String] {
        await withTaskGroup(of: [String].self) { group in
            group.addTask {
                for await announcement in stream where announcement.topic == topic { return [announcement.text] }
                return []
            }
            group.addTask {
                try? await Task.sleep(for: .seconds(15))  // cancelled: it was heard
                return []
            }
            let first = await group.next() ?? []
            group.cancelAll()
            return first
        }
    }
}
