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

    @Test func `as many as are to be kept are opened unasked, and again when they are lost`() {
        var limits = PoolLimits()
        limits.leastConnections = 2
        limits.rest = 3_600_000 * Self.millisecond
        var book = PoolBook(limits)
        #expect(book.tick(at: 1) == [.open])
        #expect(book.opened(1, at: 1, spread: 0) == [.open])
        #expect(book.opened(2, at: 1, spread: 0) == [])

        #expect(book.lost(1, at: 2) == [.open])
        _ = book.openFailed(at: 3, jitter: 0)

        #expect(book.nextTick == 3 + 50 * Self.millisecond)
        #expect(book.tick(at: book.nextTick) == [.open])
    }

    @Test func `what nobody wanted for a while is closed, down to what is to be kept; checks do not count as wanting`()
    {
        var limits = PoolLimits()
        limits.leastConnections = 1
        limits.idle = 1000 * Self.millisecond
        limits.rest = 300 * Self.millisecond
        var world = World(limits)
        for ticket in 1...3 as ClosedRange<UInt64> {
            world.exclusive[ticket] = true
            world.unanswered.insert(ticket)
            world.perform(world.book.ask(ticket, isExclusive: true, at: world.now))
        }
        var random = SeededRandom(seed: 1)
        while world.open.count < 3 { open(&world, &random) }
        while world.holders.values.contains(where: { !$0.isEmpty }) { finishSome(&world, &random) }

        for _ in 0..<100 {
            world.now += 100 * Self.millisecond
            world.perform(world.book.tick(at: world.now))
            while let member = world.checks.popLast() { world.perform(world.book.checked(member, at: world.now)) }
            #expect(world.book.nextTick > world.now, "a pool at rest sleeps")
        }

        #expect(world.open.count == 1 && world.book.idle == 1)
    }

    @Test(arguments: [true, false])
    func `callers are told at once where waiting cannot help`(isHopeless: Bool) {
        var limits = PoolLimits()
        limits.failsFast = !isHopeless
        limits.mostConnections = 1
        var book = PoolBook(limits)
        #expect(book.ask(1, isExclusive: false, at: 1) == [.open])
        _ = book.ask(2, isExclusive: true, at: 1)

        let actions = book.openFailed(at: 2, jitter: 0, isHopeless: isHopeless)

        #expect(actions == [.refuse(ticket: 1), .refuse(ticket: 2)] && book.waiting == 0)
        var patient = PoolBook(PoolLimits())
        _ = patient.ask(1, isExclusive: false, at: 1)
        #expect(patient.openFailed(at: 2, jitter: 0) == [] && patient.waiting == 1)
    }

    @Test func `a caller may have a deadline of its own`() {
        var book = PoolBook(PoolLimits())
        _ = book.ask(1, isExclusive: false, at: 1, until: 5 * Self.millisecond)

        #expect(!book.tick(at: 4 * Self.millisecond).contains(.refuse(ticket: 1)))
        #expect(book.tick(at: 5 * Self.millisecond).contains(.refuse(ticket: 1)))
    }

    /// Two connections, open and idle.
    private static func bookOfTwo() -> PoolBook {
        var limits = PoolLimits()
        limits.mostConnections = 2
        limits.leastConnections = 2
        var book = PoolBook(limits)
        _ = book.tick(at: 1)
        _ = book.opened(1, at: 1, spread: 0)
        _ = book.opened(2, at: 1, spread: 0)
        return book
    }

    @Test func `who shares comes to one that works on nothing long`() {
        var book = Self.bookOfTwo()
        func member(_ ticket: UInt64, _ now: UInt64) -> UInt64? {
            for case .grant(ticket, let member) in book.ask(ticket, isExclusive: false, at: now) { return member }
            return nil
        }
        let slow = member(1, 1)
        let granted = (2...9).map { member($0, 10 * Self.millisecond) }
        #expect(slow != nil && granted.allSatisfy { $0 != nil && $0 != slow })
    }

    @Test func `a preferred connection is shared while it has what is said and nothing long`() {
        var book = Self.bookOfTwo()
        var ticket: UInt64 = 0
        func member(load: Int, _ now: UInt64) -> UInt64? {
            ticket += 1
            let asked = book.ask(
                ticket, isExclusive: false, at: now, preferring: .init(member: 1, load: load))
            for case .grant(ticket, let member) in asked { return member }
            return nil
        }
        #expect(member(load: 0, 1) == 1 && member(load: 1, 1) == 1, "it is preferred, though the other is idle")
        #expect(member(load: 1, 1) == 2, "somebody else is there too")
        _ = book.released(2, at: 9 * Self.millisecond)
        #expect(member(load: 2, 10 * Self.millisecond) == 2, "it works on something long")
    }
}
