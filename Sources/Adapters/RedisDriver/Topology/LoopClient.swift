import NIOCore

/// A client's part on one event loop: its own connections and its own copy of the route. Nothing here is shared.
final class LoopClient {
    let loop: any EventLoop
    private let opening: RedisOpening
    private let figures: RedisCounters
    /// Told when the route is doubtful: a server is gone, or says that it is not the one.
    private let doubt: @Sendable () -> Void
    private(set) var route: RedisRoute
    /// Told the servers when they are others.
    var rerouted: (Set<RedisAddress>) -> Void = { _ in }
    private var lanes: [RedisAddress: RedisLane] = [:]
    /// Where everything goes when there is one server; and the lanes of a slot table's nodes, in its order.
    private var only: RedisLane?
    private var byNode: [RedisLane?] = []
    /// Calls that wait until a route is known.
    private let parked = CallLine<RedisCall>()
    private var alarm: Scheduled<Void>?
    private var alarmAt = UInt64.max
    private var anyNode = 0
    private var isEnded = false

    /// Calls that a cluster in motion refused, and that are sent again in a moment.
    private var pausing = 0
    /// Why no route is known.
    private var why: RedisFailure?

    /// Redirections of one call.
    private static let mostTurns = 5
    /// Before a command that a cluster in motion refuses is sent again; twice as long each time, up to 16 times.
    private static let pause: UInt64 = 20_000_000
    /// Who has more time than that waits for a route; others are told at once, when there was none to be had.
    private static let patience: UInt64 = 250_000_000

    init(
        on loop: any EventLoop, opening: RedisOpening, route: RedisRoute, figures: RedisCounters,
        doubt: @escaping @Sendable () -> Void
    ) {
        self.loop = loop
        self.opening = opening
        self.route = route
        self.figures = figures
        self.doubt = doubt
    }

    // MARK: Asking

    func send(_ call: RedisCall) {
        if let only { return only.send(call) }
        guard !isEnded else { return call.completion(.failure(.stopped)) }
        switch route {
        case .one(let address):
            let lane = lane(to: address)
            only = lane
            lane.send(call)
        case .slots(let table): send(call, by: table)
        case .unknown: park(call)
        }
    }

    /// To one server, whatever the route says.
    func send(_ call: RedisCall, to address: RedisAddress) {
        guard !isEnded else { return call.completion(.failure(.stopped)) }
        lane(to: address).send(call)
    }

    private func send(_ call: RedisCall, by table: SlotTable) {
        guard !call.command.spansSlots else {
            let error = RedisError("CROSSSLOT the keys of a command must be of one slot; give them one {tag}")
            return call.completion(.failure(.refused(error)))
        }
        let node: Int
        if let slot = call.command.slot {
            guard let owner = table.node(of: slot) else {
                doubt()
                return again(call, else: RedisError("CLUSTERDOWN no node serves this slot"))
            }
            node = owner
        } else {
            guard !table.nodes.isEmpty else { return park(call) }
            anyNode += 1
            node = anyNode % table.nodes.count
        }
        if let lane = byNode[node] { return lane.send(call) }
        let lane = lane(to: table.nodes[node])
        byNode[node] = lane
        lane.send(call)
    }

    private func lane(to address: RedisAddress) -> RedisLane {
        if let lane = lanes[address], !lane.hasEnded { return lane }
        // The lanes are let go of at the end, which always comes: nothing is held weakly on the way of each command.
        let lane = RedisLane(
            address, on: loop, opening: opening, figures: figures,
            events: .init(
                refused: { self.refused($0, $1, by: address) },
                failed: { self.doubt() }))
        lanes[address] = lane
        return lane
    }

    // MARK: Refusals

    private func refused(_ call: RedisCall, _ error: RedisError, by address: RedisAddress) {
        guard !isEnded else { return fail(call, error) }
        var call = call
        call.asks = false
        switch error.code {
        case "NOSCRIPT" where call.command.script != nil && !call.sendsText:
            call.turns += 1
            call.sendsText = true
            send(call, to: address)
        case "MOVED", "ASK":
            guard case .slots = route, let redirection = Redirection(error, from: address),
                lanes.count < SlotTable.mostNodes, call.turns < Self.mostTurns
            else { return fail(call, error) }
            call.turns += 1
            figures.redirected.count()
            if !redirection.isAsking {
                adopt(redirection)
                doubt()
            }
            call.asks = redirection.isAsking
            send(call, to: redirection.address)
        case "TRYAGAIN", "CLUSTERDOWN":
            guard case .slots = route else { return fail(call, error) }
            if error.code == "CLUSTERDOWN" { doubt() }
            again(call, else: error)
        case "READONLY", "MASTERDOWN":
            // It was a master. Whoever is the master now is asked for; the call waits for that.
            guard opening.isFollowing, call.turns < Self.mostTurns else { return fail(call, error) }
            call.turns += 1
            if case .one(address) = route {
                forget(address)
                doubt()
            }
            send(call)
        default: fail(call, error)
        }
    }

    private func fail(_ call: RedisCall, _ error: RedisError) {
        giveUp(call, .refused(error))
    }

    /// Asks again after a moment, and after longer ones, if there is time.
    private func again(_ call: RedisCall, else error: RedisError) {
        let pause = Double(Self.pause << UInt64(min(call.turns, 4))) * .random(in: 0.5..<1)
        let at = NIODeadline.now().uptimeNanoseconds + UInt64(pause)
        guard at < call.deadline, pausing < opening.options.mostWaiting else { return fail(call, error) }
        var later = call
        later.turns += 1
        pausing += 1
        loop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(at)) { [later] in
            self.pausing -= 1
            self.send(later)
        }
    }

    // MARK: The route

    func adopt(_ new: RedisRoute) {
        guard new != route, !isEnded else { return }
        if route != .unknown { figures.moves.count() }
        route = new
        why = nil
        only = nil
        byNode = if case .slots(let table) = new { Array(repeating: nil, count: table.nodes.count) } else { [] }
        // A server that is not part of it any more still answers what it was asked.
        let wanted = new.addresses
        var calls = parked.removeAll()
        for (address, lane) in lanes where !wanted.contains(address) {
            calls += lane.retire()
            lanes[address] = nil
        }
        for call in calls { send(call) }
        rerouted(wanted)
    }

    /// A slot is elsewhere: the copy of this loop knows at once, the others when the map is learned.
    private func adopt(_ redirection: Redirection) {
        guard case .slots(var table) = route else { return }
        route = .unknown  // so that the table is not copied
        table.move(redirection.slot, to: redirection.address)
        if table.nodes.count > byNode.count { byNode.append(nil) }
        route = .slots(table)
    }

    private func forget(_ address: RedisAddress) {
        route = .unknown
        only = nil
        for call in lanes.removeValue(forKey: address)?.retire() ?? [] { park(call) }
    }

    // MARK: Waiting for a route

    private func park(_ call: RedisCall) {
        if let why, !why.isPassing || call.deadline < NIODeadline.now().uptimeNanoseconds + Self.patience {
            return giveUp(call, why)
        }
        guard parked.count < opening.options.mostWaiting,
            parked.isEmpty || parked.bytes + call.bytes <= opening.options.mostWaitingBytes
        else { return giveUp(call, .busy) }
        parked.append(call, deadline: call.deadline, bytes: call.bytes)
        if call.deadline < alarmAt { arm(call.deadline) }
    }

    private func giveUp(_ call: RedisCall, _ failure: RedisFailure) {
        figures.failed.count()
        call.completion(.failure(failure))
    }

    /// Nobody who was asked says where to go.
    func despair(_ failure: RedisFailure) {
        guard case .unknown = route else { return }
        why = failure
        if !failure.isPassing { for call in parked.removeAll() { giveUp(call, failure) } }
    }

    private func arm(_ deadline: UInt64) {
        alarm?.cancel()
        alarmAt = deadline
        alarm = loop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(deadline)) { self.ring() }
    }

    private func ring() {
        alarmAt = .max
        for call in parked.expire(at: NIODeadline.now().uptimeNanoseconds, keepingPlaces: false) {
            giveUp(call, why ?? .unreachable("it is not known yet which server to ask"))
        }
        let next = parked.nextDeadline
        if next < .max { arm(next) }
    }

    // MARK: Ending

    func end() {
        isEnded = true
        rerouted = { _ in }
        only = nil
        byNode = []
        route = .unknown
        alarm?.cancel()
        for lane in lanes.values { lane.end(.stopped) }
        lanes = [:]
        for call in parked.removeAll() { call.completion(.failure(.stopped)) }
    }
}
