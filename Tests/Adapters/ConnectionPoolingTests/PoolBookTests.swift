import Seeds
import Testing

@testable import ConnectionPooling

@Suite struct PoolBookTests {
    private static let millisecond: UInt64 = 1_000_000

    /// What a pool would do, kept beside the book to check it.
    private struct World {
        var book: PoolBook
        var now: UInt64 = 1
        var open: Set<UInt64> = []
        var opening = 0
        var lastMember: UInt64 = 0
        /// By ticket; nil until it is answered.
        var exclusive: [UInt64: Bool] = [:]
        /// Tickets by member.
        var holders: [UInt64: [UInt64]] = [:]
        var checks: [UInt64] = []
        var unanswered: Set<UInt64> = []

        init(_ limits: PoolLimits) { book = PoolBook(limits) }

        mutating func perform(_ actions: [PoolBook.Action]) {
            for action in actions {
                switch action {
                case .grant(let ticket, let member):
                    #expect(unanswered.remove(ticket) != nil, "a ticket is answered once")
                    #expect(open.contains(member))
                    let others = holders[member] ?? []
                    if exclusive[ticket] == true { #expect(others.isEmpty && !checks.contains(member)) }
                    #expect(!others.contains { exclusive[$0] == true }, "who is alone stays alone")
                    #expect(others.count < book.limits.depth)
                    holders[member, default: []].append(ticket)
                case .refuse(let ticket): #expect(unanswered.remove(ticket) != nil, "a ticket is answered once")
                case .open: opening += 1
                case .close(let member):
                    #expect(open.remove(member) != nil && (holders[member] ?? []).isEmpty)
                case .check(let member): checks.append(member)
                }
            }
            #expect(open.count + opening <= book.limits.mostConnections)
        }
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `every caller is answered once, alone is alone, and there are never too many connections`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var limits = PoolLimits()
        limits.mostConnections = Int.random(in: 1...4, using: &random)
        limits.depth = Int.random(in: 1...4, using: &random)
        limits.wait = 50 * Self.millisecond
        limits.rest = 20 * Self.millisecond
        limits.lifetime = 300 * Self.millisecond
        var world = World(limits)
        var lastTicket: UInt64 = 0
        for _ in 0..<400 {
            world.now += UInt64.random(in: 0...5, using: &random) * Self.millisecond
            switch Int.random(in: 0..<8, using: &random) {
            case 0...2:
                lastTicket += 1
                world.exclusive[lastTicket] = Int.random(in: 0..<4, using: &random) == 0
                world.unanswered.insert(lastTicket)
                world.perform(
                    world.book.ask(lastTicket, isExclusive: world.exclusive[lastTicket] == true, at: world.now))
            case 3: finishSome(&world, &random)
            case 4 where world.opening > 0: open(&world, &random)
            case 5: world.perform(world.book.tick(at: world.now))
            case 6:
                guard let ticket = world.unanswered.min() else { continue }
                world.perform(world.book.withdraw(ticket, at: world.now))
            case 7 where Int.random(in: 0..<5, using: &random) == 0:
                guard let member = world.open.min() else { continue }
                world.open.remove(member)
                world.holders[member] = nil
                world.checks.removeAll { $0 == member }
                world.perform(world.book.lost(member, at: world.now))
            default: finishSome(&world, &random)
            }
        }
        // Everything is given back; whoever still waits gets a connection or an answer in time.
        for _ in 0..<200 where !world.unanswered.isEmpty {
            for _ in 0..<4 { finishSome(&world, &random) }
            if world.opening > 0 { open(&world, &random) }
            world.now += 5 * Self.millisecond
            world.perform(world.book.tick(at: world.now))
        }

        #expect(world.unanswered.isEmpty && world.book.waiting == 0)
    }

    private func open(_ world: inout World, _ random: inout SeededRandom) {
        world.opening -= 1
        if Int.random(in: 0..<4, using: &random) == 0 {
            world.perform(world.book.openFailed(at: world.now, jitter: Double.random(in: 0...1, using: &random)))
        } else {
            world.lastMember += 1
            world.open.insert(world.lastMember)
            let spread = Double.random(in: 0...1, using: &random)
            world.perform(world.book.opened(world.lastMember, at: world.now, spread: spread))
        }
    }

    private func finishSome(_ world: inout World, _ random: inout SeededRandom) {
        if let member = world.checks.popLast() {
            world.perform(world.book.released(member, at: world.now))
            return
        }
        guard let member = world.holders.keys.sorted().first(where: { !(world.holders[$0] ?? []).isEmpty }) else {
            return
        }
        world.holders[member]?.removeFirst()
        world.perform(world.book.released(member, at: world.now))
    }

    @Test func `while the server is away, tries come later and later, up to two seconds`() {
        var limits = PoolLimits()
        limits.wait = 60_000 * Self.millisecond
        var book = PoolBook(limits)
        var now: UInt64 = 1
        #expect(book.ask(1, isExclusive: false, at: now) == [.open])
        var pauses: [UInt64] = []
        for _ in 0..<8 {
            #expect(!book.openFailed(at: now, jitter: 0).contains(.open))
            var actions: [PoolBook.Action] = []
            let failedAt = now
            while !actions.contains(.open) {
                now += Self.millisecond
                actions = book.tick(at: now)
            }
            pauses.append((now - failedAt) / Self.millisecond)
        }

        #expect(pauses == [50, 100, 200, 400, 800, 1600, 2000, 2000])
    }
}
