import NIOCore
import Synchronization
import Vocabulary

/// What a subscription brings.
package enum RedisEvent: Sendable, Equatable {
    /// From here on messages come. What was published before, since the connection was lost, did not: look for yourself.
    case subscribed
    case message([UInt8])
}

/// The subscriptions of a client: one connection for all, opened with the first and closed with the last.
final class RedisSubscriptions: Sendable {
    private let core: RedisCore
    private let listener: NIOLoopBoundBox<RedisListener>
    private let nextID = Atomic<UInt64>(0)

    /// - Parameter hosts: where to subscribe; empty for where the core's route leads.
    init(core: RedisCore, opening: RedisOpening, hosts: [RedisAddress] = []) {
        self.core = core
        listener = NIOLoopBoundBox.makeBoxSendingValue(
            RedisListener(on: core.mainLoop, opening: opening), eventLoop: core.mainLoop)
        core.onMain { [listener] client in
            guard hosts.isEmpty else {
                listener.value.address = { hosts.randomElement() }
                return
            }
            // They hold each other until either ends.
            listener.value.address = { client.route.addresses.randomElement() }
            client.rerouted = { listener.value.rerouted($0) }
        }
    }

    func subscribe(_ channel: String) -> AsyncStream<RedisEvent> {
        let id = nextID.add(1, ordering: .relaxed).newValue
        guard !core.hasEnded else { return AsyncStream { $0.finish() } }
        let (stream, continuation) = AsyncStream.makeStream(
            of: RedisEvent.self, bufferingPolicy: .bufferingNewest(1024))
        continuation.onTermination = { [core, listener] _ in
            core.onMain { _ in listener.value.remove(id, from: channel) }
        }
        core.onMain { [listener] _ in listener.value.add(id, continuation, to: channel) }
        return stream
    }

    func end() { core.mainLoop.execute { [listener] in listener.value.end() } }

    func shutDown() async {
        try? await core.mainLoop.submit { [listener] in listener.value.end() }.get()  // a loop that ended has none
    }
}

/// The connection of the subscriptions, on its loop.
final class RedisListener {
    private enum State {
        case idle, opening, resting, ended
        case open(RedisConnection, RedisAddress)
    }

    /// Where to go; nil while nobody knows.
    var address: () -> RedisAddress? = { nil }

    private let loop: any EventLoop
    private let opening: RedisOpening
    private var state = State.idle
    private var readers: [String: [UInt64: AsyncStream<RedisEvent>.Continuation]] = [:]
    private var confirmed: Set<String> = []
    private var failures = 0
    private var pulse: Scheduled<Void>?
    private var heard = false

    /// After two pulses without a sign of life the connection is opened anew.
    private static let pulseTime: TimeAmount = .seconds(2)

    init(on loop: any EventLoop, opening: RedisOpening) {
        self.loop = loop
        self.opening = opening
    }

    // MARK: Readers

    func add(_ id: UInt64, _ reader: AsyncStream<RedisEvent>.Continuation, to channel: String) {
        if case .ended = state { return reader.finish() }
        let isNew = readers[channel] == nil
        readers[channel, default: [:]][id] = reader
        if confirmed.contains(channel) {
            reader.yield(.subscribed)
        } else if case .open(let connection, _) = state, isNew {
            connection.write(RedisCommand("SUBSCRIBE", channel))
        } else if case .idle = state {
            open()
        }
    }

    func remove(_ id: UInt64, from channel: String) {
        guard readers[channel]?.removeValue(forKey: id) != nil, readers[channel]?.isEmpty == true else { return }
        readers[channel] = nil
        confirmed.remove(channel)
        guard case .open(let connection, _) = state else { return }
        if readers.isEmpty {
            rest()
            connection.close()
        } else {
            connection.write(RedisCommand("UNSUBSCRIBE", channel))
        }
    }

    // MARK: The connection

    private func open() {
        guard !readers.isEmpty else {
            state = .idle
            return
        }
        guard let address = address() else { return pause() }
        state = .opening
        opening.open(address, on: loop) { result in
            guard case .opening = self.state else {
                if case .success(let connection) = result { connection.close() }
                return
            }
            switch result {
            case .success(let connection): self.begin(connection, address)
            case .failure: self.pause()
            }
        }
    }

    private func pause() {
        failures += 1
        state = .resting
        let wait = opening.options.backoff.delay(afterAttempt: failures, draw: .random(in: 0..<1))
        loop.assumeIsolated().scheduleTask(in: .microseconds(max(1, wait.wholeMicroseconds))) {
            if case .resting = self.state { self.open() }
        }
    }

    private func begin(_ connection: RedisConnection, _ address: RedisAddress) {
        guard !readers.isEmpty else {
            state = .idle
            return connection.close()
        }
        state = .open(connection, address)
        heard = true
        connection.watch { [weak self] in
            self?.received($0)
        } ended: { [weak self] _ in
            self?.lost()
        }
        var command = RedisCommand("SUBSCRIBE")
        for channel in readers.keys { command.append(channel) }
        connection.write(command)
        beatLater()
    }

    private func beatLater() {
        pulse = loop.assumeIsolated().scheduleTask(in: Self.pulseTime) { [weak self] in self?.beat() }
    }

    private func beat() {
        guard case .open(let connection, _) = state else { return }
        guard heard else { return connection.close() }
        heard = false
        connection.write(RedisCommand("PING"))
        beatLater()
    }

    private func received(_ reply: RedisReply) {
        heard = true
        if case .error = reply, case .open(let connection, _) = state {
            // The user may not subscribe, or not to this: nothing will come, and asking often does not help.
            return connection.close()
        }
        guard let parts = reply.array, parts.count == 3, let channel = parts[1].text else { return }
        switch parts[0].text {
        case "subscribe":
            failures = 0
            guard let waiting = readers[channel] else { return }
            confirmed.insert(channel)
            for reader in waiting.values { reader.yield(.subscribed) }
        case "message":
            guard let bytes = parts[2].bytes, let waiting = readers[channel] else { return }
            for reader in waiting.values { reader.yield(.message(bytes)) }
        default: break
        }
    }

    private func lost() {
        guard case .open = state else { return }
        rest()
        pause()
    }

    private func rest() {
        pulse?.cancel()
        pulse = nil
        confirmed = []
        state = .idle
    }

    /// The servers are others: who is none of them is left.
    func rerouted(_ addresses: Set<RedisAddress>) {
        guard case .open(let connection, let address) = state, !addresses.contains(address) else { return }
        rest()
        connection.close()
        open()
    }

    func end() {
        let before = state
        rest()
        state = .ended
        address = { nil }
        if case .open(let connection, _) = before { connection.close() }
        let left = readers.values.flatMap(\.values)
        readers = [:]
        for reader in left { reader.finish() }
    }
}
