import NIOCore
import NIOPosix
import Synchronization
import Vocabulary

/// The loops of a client, and the way from anywhere onto one of them.
final class RedisCore: Sendable {
    /// One loop's part, and what other threads want of it.
    private final class Door: Sendable {
        let loop: any EventLoop
        /// Touched on the loop only: by who has just found out that it is there, else through ``client``.
        nonisolated(unsafe) let part: LoopClient
        let figures: RedisCounters
        let letters = Mutex<[RedisCall]>([])

        init(loop: any EventLoop, client: sending LoopClient, figures: RedisCounters) {
            self.loop = loop
            part = client
            self.figures = figures
        }

        /// To be had on the loop: elsewhere it is a mistake in the program, which ends there.
        var client: LoopClient {
            loop.preconditionInEventLoop()
            return part
        }

        /// Many threads, one hop: whoever finds the box empty wakes the loop.
        func put(_ call: RedisCall, most: Int) -> Bool {
            let (isTaken, isFirst) = letters.withLock { letters in
                guard letters.count < most else { return (false, false) }
                letters.append(call)
                return (true, letters.count == 1)
            }
            if isFirst { loop.execute { self.empty() } }
            return isTaken
        }

        private func empty() {
            let calls = letters.withLock { letters in
                let calls = letters
                letters = []
                return calls
            }
            for call in calls { client.send(call) }
        }
    }

    private let doors: [Door]
    /// The doors' loops, to be searched by each command.
    private let loops: [ObjectIdentifier]
    private let mostLetters: Int
    private let turn = Atomic(0)
    private let isEnded = Atomic(false)

    init(
        _ group: any EventLoopGroup, _ opening: RedisOpening, _ route: RedisRoute,
        doubt: @escaping @Sendable () -> Void
    ) {
        mostLetters = opening.options.mostWaiting
        doors = group.makeIterator().map { loop in
            let figures = RedisCounters()
            let client = LoopClient(on: loop, opening: opening, route: route, figures: figures, doubt: doubt)
            return Door(loop: loop, client: client, figures: figures)
        }
        loops = doors.map { ObjectIdentifier($0.loop) }
        precondition(!doors.isEmpty, "a client needs an event loop")
    }

    static func deadline(in limit: Duration) -> UInt64 {
        NIODeadline.now().uptimeNanoseconds &+ UInt64(max(0, min(limit.wholeMicroseconds, 86_400_000_000))) &* 1000
    }

    func send(_ call: RedisCall) {
        guard !hasEnded else { return call.completion(.failure(.stopped)) }
        if let loop = MultiThreadedEventLoopGroup.currentEventLoop,
            let place = loops.firstIndex(of: ObjectIdentifier(loop))
        {
            return doors[place].part.send(call)
        }
        let place = turn.add(1, ordering: .relaxed).oldValue
        if !doors[Int(UInt(bitPattern: place) % UInt(doors.count))].put(call, most: mostLetters) {
            call.completion(.failure(.busy))
        }
    }

    /// Asks one server, whatever the route says.
    func ask(
        _ command: RedisCommand, of address: RedisAddress, within limit: Duration
    ) async throws(RedisFailure) -> RedisReply {
        let door = doors[0]
        guard !hasEnded else { throw .stopped }
        let deadline = Self.deadline(in: limit)
        return try await withCheckedContinuation { continuation in
            door.loop.execute {
                door.client.send(
                    RedisCall(command: command, deadline: deadline) { continuation.resume(returning: $0) }, to: address)
            }
        }.get()
    }

    func adopt(_ route: RedisRoute) {
        guard !hasEnded else { return }
        for door in doors { door.loop.execute { door.client.adopt(route) } }
    }

    /// Nobody who was asked says where to go: those who wait for it may hear why.
    func despair(_ failure: RedisFailure) {
        guard !hasEnded else { return }
        for door in doors { door.loop.execute { door.client.despair(failure) } }
    }

    var hasEnded: Bool { isEnded.load(ordering: .relaxed) }

    /// The first loop, for what there is one of.
    var mainLoop: any EventLoop { doors[0].loop }

    /// - Parameter body: run on the main loop with its part, unless the client has ended.
    func onMain(_ body: @escaping @Sendable (LoopClient) -> Void) {
        guard !hasEnded else { return }
        let door = doors[0]
        if door.loop.inEventLoop { return body(door.client) }
        door.loop.execute { body(door.client) }
    }

    var figures: RedisFigures { doors.reduce(RedisFigures()) { $0 + $1.figures.figures } }

    /// - Returns: whether it had not ended before.
    func end() -> Bool {
        guard !isEnded.exchange(true, ordering: .relaxed) else { return false }
        for door in doors { door.loop.execute { door.client.end() } }
        return true
    }

    func shutDown() async {
        isEnded.store(true, ordering: .relaxed)
        for door in doors {
            try? await door.loop.submit { door.client.end() }.get()  // a loop that has ended has no connections
        }
    }
}
