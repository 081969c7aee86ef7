import Crypto
package import NIOCore
import RedisDriver
package import SharedState
import Vocabulary

/// The shared state in Redis: one server, a master that Sentinel names, or a cluster. Every instance with the same URL
/// and prefix shares it.
///
/// Keys are `prefix:kind:digest`: what they are made of may be a secret, and of any length.
package final class RedisSharedState: StateSharing {
    private let client: RedisClient
    private let prefix: String
    private let timeout: Duration

    /// Holders that one script renews: it holds the server up meanwhile.
    private static let mostRenewed = 500
    private static let mostKept = 256

    /// What the URL or its certificates are wrong in; quotes nothing of the URL.
    package struct Unusable: Error, Sendable {
        package var reason: String
    }

    /// Nothing is connected yet.
    ///
    /// - Parameters:
    ///   - prefix: begins every key and channel.
    ///   - timeout: how long any question may take.
    ///   - group: the server's own loops: what is asked on one is answered there.
    ///   - authorities: a PEM file of certificates that are trusted besides the system's; empty for none.
    package init(
        url: String, prefix: String, timeout: Duration, group: any EventLoopGroup, authorities: String = ""
    ) throws(Unusable) {
        let place: RedisURL
        do throws(RedisURL.Malformed) { place = try RedisURL(url) } catch { throw Unusable(reason: error.reason) }
        var options = RedisOptions()
        options.authorities = authorities
        do throws(RedisFailure) { client = try RedisClient(place, group: group, options: options) } catch {
            throw Unusable(reason: error.sentence)
        }
        self.prefix = prefix
        self.timeout = timeout
    }

    private static let digits = Array("0123456789abcdef".utf8)

    private func key(_ kind: StaticString, _ name: String) -> String {
        var digits: [UInt8] = []
        digits.reserveCapacity(32)
        for byte in SHA256.hash(data: Array(name.utf8)).prefix(16) {
            digits.append(Self.digits[Int(byte >> 4)])
            digits.append(Self.digits[Int(byte & 15)])
        }
        return "\(prefix):\(kind):\(String(decoding: digits, as: UTF8.self))"
    }

    /// - Parameter read: nil where the reply is not what the script answers.
    private func run<Value: Sendable>(
        _ command: RedisCommand, _ read: @escaping @Sendable (RedisReply) -> Value?, _ then: @escaping Answer<Value>
    ) {
        client.send(command, within: timeout) { result in
            switch result {
            case .success(let reply):
                if let value = read(reply) { return then(.success(value)) }
                then(.failure(.refused("Redis answered something else.")))
            case .failure(let failure): then(.failure(Self.failure(failure)))
            }
        }
    }

    private static func failure(_ failure: RedisFailure) -> SharedStateFailure {
        switch failure {
        case .timedOut: .late
        case .lost(let reason): .lost(reason)
        case .unreachable, .denied, .busy, .stopped: .unreachable(failure.sentence)
        case .refused: .refused(failure.sentence)
        }
    }

    private static func milliseconds(_ duration: Duration) -> Int64 { max(1, duration.wholeMilliseconds) }

    // MARK: Decisions

    package func takeTokens(_ request: TokenRequest, then: @escaping Answer<TokenGrant>) {
        var command = RedisCommand(RedisScripts.takeTokens, keys: [key("tokens", request.key)])
        command.append("\(request.rate)")
        command.append("\(request.capacity)")
        command.append(request.wanted)
        command.append(request.returned)
        run(
            command,
            { reply in
                guard let numbers = reply.array?.compactMap(\.integer), numbers.count == 3 else { return nil }
                return TokenGrant(
                    granted: Int(numbers[0]), left: Int(numbers[1]), wait: .microseconds(numbers[2]))
            }, then)
    }

    package func claim(_ key: String, holder: String, lease: Duration, then: @escaping Answer<ClaimAnswer>) {
        var command = RedisCommand(RedisScripts.claim, keys: [self.key("claim", key)])
        command.append(holder)
        command.append(Self.milliseconds(lease))
        run(
            command,
            { reply in
                guard let parts = reply.array, let kind = parts.first?.integer else { return nil }
                switch kind {
                case 0: return .won
                case 1: return .underWay
                default:
                    guard parts.count == 3, let bytes = parts[1].bytes, let age = parts[2].integer else { return nil }
                    // The clock may have been set back since.
                    return .settled(bytes, age: .microseconds(max(0, age)))
                }
            }, then)
    }

    package func settle(
        _ key: String, holder: String, with reply: [UInt8]?, lifetime: Duration, then: @escaping Answer<Bool>
    ) {
        let script = reply == nil ? RedisScripts.letGo : RedisScripts.settle
        var command = RedisCommand(script, keys: [self.key("claim", key)])
        command.append(holder)
        if let reply {
            command.append(Self.milliseconds(lifetime))
            command.append(reply)
        }
        run(command, Self.flag, then)
    }

    private static let flag: @Sendable (RedisReply) -> Bool? = { reply in reply.integer.map { $0 == 1 } }
    private static let nothing: @Sendable (RedisReply) -> Void? = { _ in () }

    package func takePermit(_ request: PermitRequest, then: @escaping Answer<Bool>) {
        var command = RedisCommand(RedisScripts.takePermit, keys: [key("permits", request.key)])
        command.append(request.limit)
        command.append(request.holder)
        command.append(Self.milliseconds(request.lease))
        run(command, Self.flag, then)
    }

    package func returnPermit(_ key: String, holder: String, then: @escaping Answer<Bool>) {
        var command = RedisCommand(RedisScripts.returnPermit, keys: [self.key("permits", key)])
        command.append(holder)
        run(command, Self.flag, then)
    }

    package func renewPermits(
        _ key: String, holders: [String], lease: Duration, then: @escaping Answer<Void>
    ) {
        var command = RedisCommand(RedisScripts.renewPermits, keys: [self.key("permits", key)])
        command.append(Self.milliseconds(lease))
        for holder in holders.prefix(Self.mostRenewed) { command.append(holder) }
        let rest = Array(holders.dropFirst(Self.mostRenewed))
        run(command, Self.nothing) { [self] result in
            guard case .success = result, !rest.isEmpty else { return then(result) }
            renewPermits(key, holders: rest, lease: lease, then: then)
        }
    }

    // MARK: Notices

    package func post(_ name: String, on board: String, lifetime: Duration, then: @escaping Answer<Void>) {
        var command = RedisCommand(RedisScripts.post, keys: [key("board", board)])
        command.append(name)
        command.append(Self.milliseconds(lifetime))
        command.append(NoticeLimits.most)
        run(command, Self.nothing, then)
    }

    package func withdraw(_ name: String, from board: String, then: @escaping Answer<Void>) {
        run(RedisCommand("HDEL", key: key("board", board), name), Self.nothing, then)
    }

    package func read(_ board: String, then: @escaping Answer<[Notice]>) {
        run(
            RedisCommand(RedisScripts.read, keys: [key("board", board)]),
            { reply in
                guard let parts = reply.array, parts.count % 3 == 0 else { return nil }
                return stride(from: 0, to: parts.count, by: 3).compactMap { place in
                    guard let name = parts[place].text, let stamp = parts[place + 1].integer,
                        let left = parts[place + 2].integer
                    else { return nil }
                    return Notice(name: name, stamp: stamp, left: .microseconds(left))
                }
            }, then)
    }

    // MARK: Announcements

    private var channel: String { "\(prefix):announcements" }

    package func announce(_ announcement: Announcement, then: @escaping Answer<Void>) {
        // The topic's length tells where the text begins.
        let message = "\(announcement.topic.utf8.count):\(announcement.topic)\(announcement.text)"
        run(RedisCommand("PUBLISH", channel, message), Self.nothing, then)
    }

    private static func announcement(_ bytes: [UInt8]) -> Announcement? {
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")),
            let length = Int(String(decoding: bytes[..<colon], as: UTF8.self)), length >= 0,
            bytes.count - colon - 1 >= length
        else { return nil }
        let text = colon + 1 + length
        return Announcement(
            topic: String(decoding: bytes[(colon + 1)..<text], as: UTF8.self),
            text: String(decoding: bytes[text...], as: UTF8.self))
    }

    package func announcements() -> AsyncStream<Announcement> {
        let (stream, listener) = AsyncStream<Announcement>.makeStream(
            bufferingPolicy: .bufferingNewest(Self.mostKept))
        let events = client.subscribe(channel)
        let forwarding = Task {
            for await event in events {
                switch event {
                case .subscribed: listener.yield(.missed)
                case .message(let bytes):
                    if let announcement = Self.announcement(bytes) { listener.yield(announcement) }
                }
            }
            listener.finish()
        }
        listener.onTermination = { _ in forwarding.cancel() }
        return stream
    }

    package func ping(then: @escaping Answer<Void>) {
        // A script, and a key: a cluster has no other way to tell whether it can decide.
        run(RedisCommand(RedisScripts.read, keys: [key("board", "")]), Self.nothing, then)
    }

    package func close() async { await client.shutDown() }
}
