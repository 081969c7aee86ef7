/// Who has which connection of a pool and who waits, in the abstract: it is told the time and what happened, and says
/// what to do. Times are nanoseconds on one clock.
///
/// A connection is shared by up to `depth` batches, or lent to one caller. A caller that is to have one for itself
/// reserves the one with the least to do, so that a stream of batches cannot keep it waiting.
package struct PoolBook: Sendable {
    package enum Action: Sendable, Equatable {
        case grant(ticket: UInt64, member: UInt64)
        case refuse(ticket: UInt64)
        /// Begin to open a connection; tell ``opened(_:at:spread:)`` or ``openFailed(at:jitter:)``.
        case open
        case close(UInt64)
        /// Ask whether it lives; tell ``checked(_:at:)`` or ``lost(_:at:)``.
        case check(UInt64)
    }

    package struct Member: Sendable, Equatable {
        package var id: UInt64
        /// Batches under way, or 1 while it is lent.
        package var load = 0
        package var isLent = false
        /// For the ticket of a caller that is to have it for itself.
        package var reservedFor: UInt64?
        /// When it was last heard of, and when a caller last had it.
        package var heardAt: UInt64
        package var usedAt: UInt64
        package var endsAt: UInt64
        /// Since when its oldest batch could have been answered.
        package var waitsSince: UInt64 = 0
    }

    /// A connection to share, if it works on nothing long, and on so many batches.
    package struct Preference: Sendable {
        package var member: UInt64
        package var load: Int

        package init(member: UInt64, load: Int) {
            self.member = member
            self.load = load
        }
    }

    private struct Waiter: Sendable {
        var ticket: UInt64
        var isExclusive: Bool
        var deadline: UInt64
        var preferred: Preference?
    }

    package let limits: PoolLimits
    package private(set) var members: [Member] = []
    package private(set) var opening = 0
    private var waiters: [Waiter] = []
    private var failures = 0
    private var openAfter: UInt64 = 0

    package init(_ limits: PoolLimits) { self.limits = limits }

    package var waiting: Int { waiters.count }

    /// Connections that nobody has.
    package var idle: Int { members.reduce(0) { $0 + ($1.load == 0 ? 1 : 0) } }

    // MARK: Asking and giving back

    /// - Parameters:
    ///   - deadline: until when the caller waits; nil for as long as the limits say.
    ///   - preferred: a connection to share, though others have less to do.
    package mutating func ask(
        _ ticket: UInt64, isExclusive: Bool, at now: UInt64, until deadline: UInt64? = nil,
        preferring preferred: Preference? = nil
    ) -> [Action] {
        guard waiters.count < limits.mostWaiting else { return [.refuse(ticket: ticket)] }
        waiters.append(
            Waiter(
                ticket: ticket, isExclusive: isExclusive, deadline: deadline ?? now + limits.wait, preferred: preferred)
        )
        return settle(at: now)
    }

    /// The caller does not want it any more. Nothing if it was granted already.
    package mutating func withdraw(_ ticket: UInt64, at now: UInt64) -> [Action] {
        guard let place = waiters.firstIndex(where: { $0.ticket == ticket }) else { return [] }
        waiters.remove(at: place)
        forgetReservation(of: ticket)
        return [.refuse(ticket: ticket)] + settle(at: now)
    }

    package mutating func released(_ id: UInt64, at now: UInt64) -> [Action] {
        guard let place = members.firstIndex(where: { $0.id == id }) else { return [] }
        members[place].load -= 1
        members[place].isLent = false
        members[place].waitsSince = now
        members[place].usedAt = now
        members[place].heardAt = now
        return settle(at: now)
    }

    /// It was asked, and lives.
    package mutating func checked(_ id: UInt64, at now: UInt64) -> [Action] {
        guard let place = members.firstIndex(where: { $0.id == id }) else { return [] }
        members[place].load -= 1
        members[place].heardAt = now
        return settle(at: now)
    }

    // MARK: Coming and going

    package mutating func opened(_ id: UInt64, at now: UInt64, spread: Double) -> [Action] {
        opening -= 1
        failures = 0
        openAfter = 0
        let lifetime = Double(limits.lifetime) * (0.9 + 0.1 * spread)
        members.append(Member(id: id, heardAt: now, usedAt: now, endsAt: now + UInt64(lifetime)))
        return settle(at: now)
    }

    /// 50 ms, twice as much each time up to 2 s, of which `jitter` (0...1) takes up to half.
    ///
    /// - Parameter isHopeless: trying again cannot help.
    package mutating func openFailed(at now: UInt64, jitter: Double, isHopeless: Bool = false) -> [Action] {
        opening -= 1
        failures += 1
        let step = min(2_000_000_000, 50_000_000 << UInt64(min(failures - 1, 10)))
        openAfter = now + UInt64(Double(step) * (1 - 0.5 * jitter))
        var actions: [Action] = []
        if members.isEmpty, isHopeless || limits.failsFast && opening == 0 {
            actions = waiters.map { .refuse(ticket: $0.ticket) }
            waiters = []
        }
        return actions + settle(at: now)
    }

    package mutating func lost(_ id: UInt64, at now: UInt64) -> [Action] {
        members.removeAll { $0.id == id }
        return settle(at: now)
    }

    package mutating func tick(at now: UInt64) -> [Action] {
        var actions: [Action] = []
        for waiter in waiters where waiter.deadline <= now {
            actions.append(.refuse(ticket: waiter.ticket))
            forgetReservation(of: waiter.ticket)
        }
        waiters.removeAll { $0.deadline <= now }
        for place in members.indices where members[place].load == 0 && members[place].endsAt > now {
            guard now - members[place].heardAt >= limits.rest else { continue }
            members[place].load = 1
            actions.append(.check(members[place].id))
        }
        return actions + settle(at: now)
    }

    /// When ``tick(at:)`` has something to do.
    package var nextTick: UInt64 {
        var next = waiters.map(\.deadline).min() ?? .max
        let isWanted = !waiters.isEmpty || members.count < limits.leastConnections
        if isWanted, opening == 0, openAfter > 0 { next = min(next, openAfter) }
        let maySpare = members.count > limits.leastConnections
        for member in members where member.load == 0 {
            next = min(next, member.heardAt + limits.rest, member.endsAt)
            if maySpare { next = min(next, member.usedAt + limits.idle) }
        }
        return next
    }

    // MARK: Judgement

    private mutating func settle(at now: UInt64) -> [Action] {
        var actions: [Action] = []
        for place in members.indices.reversed() where members[place].load == 0 {
            let member = members[place]
            let isSpare = members.count > limits.leastConnections && member.reservedFor == nil
            guard member.endsAt <= now || isSpare && now >= member.usedAt + limits.idle else { continue }
            actions.append(.close(members[place].id))
            members.remove(at: place)
        }
        var left: [Waiter] = []
        var wantsMore = false
        for waiter in waiters {
            let place = waiter.isExclusive ? placeAlone(waiter.ticket, now) : placeShared(now, waiter.preferred)
            guard let place else {
                left.append(waiter)
                wantsMore = true
                continue
            }
            // Shared, though it has others: one more connection would serve better.
            wantsMore = wantsMore || members[place].load > 0
            if members[place].load == 0 { members[place].waitsSince = now }
            members[place].load += 1
            members[place].isLent = waiter.isExclusive
            if waiter.isExclusive { forgetReservation(of: waiter.ticket) }
            actions.append(.grant(ticket: waiter.ticket, member: members[place].id))
        }
        waiters = left
        wantsMore = wantsMore || members.count + opening < limits.leastConnections
        // While the server cannot be reached, one tries for all.
        let mayOpen = now >= openAfter && (failures == 0 || opening == 0)
        if wantsMore, mayOpen, members.count + opening < limits.mostConnections,
            opening <= waiters.count || members.count + opening < limits.leastConnections
        {
            opening += 1
            actions.append(.open)
        }
        return actions
    }

    private func placeShared(_ now: UInt64, _ preferred: Preference?) -> Int? {
        var best: Int?
        for place in members.indices {
            let member = members[place]
            guard !member.isLent, member.reservedFor == nil, member.load < limits.depth, member.endsAt > now else {
                continue
            }
            if member.id == preferred?.member, member.load == preferred?.load, !isSlow(member, now) { return place }
            if best.map({ isBefore(member, members[$0], now) }) ?? true { best = place }
        }
        return best
    }

    /// Whoever comes to one that works on something long waits for that: those are last.
    private func isBefore(_ left: Member, _ right: Member, _ now: UInt64) -> Bool {
        let (isLeftSlow, isRightSlow) = (isSlow(left, now), isSlow(right, now))
        return isLeftSlow == isRightSlow ? left.load < right.load : isRightSlow
    }

    private func isSlow(_ member: Member, _ now: UInt64) -> Bool {
        member.load > 0 && now > member.waitsSince + Self.long
    }

    /// What takes longer than that (2 ms) is long.
    private static let long: UInt64 = 2_000_000

    private mutating func placeAlone(_ ticket: UInt64, _ now: UInt64) -> Int? {
        let isMine = { (member: Member) in member.reservedFor == nil || member.reservedFor == ticket }
        if let free = members.firstIndex(where: { $0.load == 0 && isMine($0) && $0.endsAt > now }) { return free }
        guard !members.contains(where: { $0.reservedFor == ticket }) else { return nil }
        let others = members.indices.filter { members[$0].reservedFor == nil && !members[$0].isLent }
        if let least = others.min(by: { members[$0].load < members[$1].load }) { members[least].reservedFor = ticket }
        return nil
    }

    private mutating func forgetReservation(of ticket: UInt64) {
        for place in members.indices where members[place].reservedFor == ticket { members[place].reservedFor = nil }
    }
}
