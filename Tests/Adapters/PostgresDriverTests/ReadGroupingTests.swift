import Seeds
import Testing

@testable import PostgresDriver

@Suite struct ReadGroupingTests {
    /// Callers that ask again as soon as they are answered, after a pause of their own, and a server.
    private struct World {
        var grouping = ReadGrouping()
        var now: UInt64 = 1_000_000
        /// When each of those who wait asked.
        var waiting: [UInt64] = []
        /// What is under way: when it was sent, when its answer comes, how many it has.
        var messages: [(sentAt: UInt64, until: UInt64, count: Int)] = []
        var thinking: [UInt64] = []
        var sizes: [Int] = []
        var longestHeld: UInt64 = 0

        mutating func send(taking time: (Int) -> UInt64) {
            while !waiting.isEmpty {
                if grouping.held(at: now) != nil, waiting.count < grouping.size(at: now) { return }
                let count = min(waiting.count, grouping.size(at: now))
                longestHeld = max(longestHeld, now - waiting[0])
                waiting.removeFirst(count)
                grouping.sent(count, at: now)
                messages.append((now, now + time(count), count))
                sizes.append(count)
            }
        }

        /// Goes on to what happens next.
        mutating func step(_ random: inout SeededRandom, taking time: (Int) -> UInt64) {
            let held = waiting.isEmpty ? nil : grouping.held(at: now)
            now = min(messages.map(\.until).min() ?? .max, thinking.min() ?? .max, held ?? .max)
            if let place = messages.firstIndex(where: { $0.until <= now }) {
                let message = messages.remove(at: place)
                grouping.returned(message.count, waiting: waiting.count, sentAt: message.sentAt, at: now)
                for _ in 0..<message.count { thinking.append(now + .random(in: 1000...20_000, using: &random)) }
            }
            waiting += thinking.filter { $0 <= now }
            thinking.removeAll { $0 <= now }
            send(taking: time)
        }
    }

    private func run(callers: Int, seed: UInt64, taking time: (Int) -> UInt64) -> World {
        var random = SeededRandom(seed: seed)
        var world = World()
        world.thinking = (0..<callers).map { _ in world.now + .random(in: 1...100_000, using: &random) }
        for _ in 0..<3000 { world.step(&random, taking: time) }
        return world
    }

    @Test(arguments: 0..<8) func `where answers come soon, callers go together and nobody waits long`(seed: UInt64) {
        let world = run(callers: 8, seed: seed) { 30_000 + UInt64($0) * 8000 }
        let many = run(callers: 64, seed: seed) { 30_000 + UInt64($0) * 6000 }

        #expect(world.sizes.dropFirst(100).reduce(0, +) >= 3 * world.sizes.dropFirst(100).count)
        #expect(many.sizes.dropFirst(100).reduce(0, +) >= 16 * many.sizes.dropFirst(100).count)
        #expect(many.sizes.allSatisfy { $0 <= ReadGrouping.most })
        #expect(max(world.longestHeld, many.longestHeld) <= ReadGrouping.mostHeld)
    }

    @Test(arguments: 0..<4) func `who is alone is never held`(seed: UInt64) {
        let world = run(callers: 1, seed: seed) { _ in 50_000 }

        #expect(world.longestHeld == 0 && Set(world.sizes) == [1])
    }

    @Test(arguments: 0..<4) func `where answers take their time, nobody waits for anybody`(seed: UInt64) {
        let far = run(callers: 16, seed: seed) { _ in 700_000 }
        let slow = run(callers: 16, seed: seed) { UInt64($0) * 5_000_000 }

        #expect(far.longestHeld == 0)
        #expect(slow.longestHeld == 0 && Set(slow.sizes) == [1])
    }

    @Test func `one long answer ends going together, and short ones bring it back`() {
        var grouping = ReadGrouping()
        func answer(after time: UInt64) {
            grouping.sent(1, at: 0)
            grouping.returned(1, waiting: 9, sentAt: 0, at: time)
        }
        answer(after: 100_000)
        let before = grouping.size(at: 100_000)
        answer(after: 3_000_000_000)
        let long = grouping.size(at: 3_000_000_000)
        for _ in 0..<40 { answer(after: 100_000) }

        #expect(before == 5 && long == 1 && grouping.size(at: 100_000) == 5)
    }
}
