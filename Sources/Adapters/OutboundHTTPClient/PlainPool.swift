import NIOCore
import NIOPosix
import Outbound

/// The connections without TLS of one event loop, by address. On that loop only.
final class PlainPool {
    private struct Host {
        var idle: [PlainConnection] = []
        var open = 0
        var waiting: [Waiting] = []
    }

    private struct Waiting {
        var job: Job
        var timer: Scheduled<Void>
        var number: UInt64
    }

    /// A request on its way.
    struct Job {
        var request: OutboundRequest
        var target: Target
        var address: String
        var deadline: NIODeadline
        var isRepeated = false
        var done: (Result<OutboundReply, OutboundFailure>) -> Void
    }

    private let loop: any EventLoop
    private let most: Int
    private var hosts: [String: Host] = [:]
    private var lastNumber: UInt64 = 0
    private var isEnded = false
    /// URLs are mostly the same: reading one again costs more than finding it.
    private var targets: [String: Target] = [:]

    private static let mostTargets = 256
    private static let idleTime: TimeAmount = .seconds(30)
    private static let connectTime: TimeAmount = .seconds(10)

    init(loop: any EventLoop, connectionsPerHost: Int) {
        self.loop = loop
        most = connectionsPerHost
    }

    func target(_ url: String) throws(OutboundFailure) -> Target {
        if let known = targets[url] { return known }
        let target = try Target(url)
        if targets.count >= Self.mostTargets { targets.removeAll(keepingCapacity: true) }
        targets[url] = target
        return target
    }

    func send(_ job: Job) {
        let key = "\(job.address) \(job.target.port)"
        guard !isEnded else { return job.done(.failure(.unreachable("the server is stopping"))) }
        if let connection = hosts[key, default: Host()].idle.popLast() {
            use(connection, job, key)
        } else if hosts[key, default: Host()].open < most {
            open(job, key)
        } else {
            wait(job, key)
        }
    }

    /// All connections to the host are in use: the first that is free takes it.
    private func wait(_ job: Job, _ key: String) {
        lastNumber += 1
        let number = lastNumber
        let timer = loop.assumeIsolated().scheduleTask(deadline: job.deadline) {
            guard let place = self.hosts[key]?.waiting.firstIndex(where: { $0.number == number }) else { return }
            self.hosts[key]?.waiting.remove(at: place)
            job.done(.failure(.timedOut))
        }
        hosts[key]?.waiting.append(Waiting(job: job, timer: timer, number: number))
    }

    private func open(_ job: Job, _ key: String) {
        hosts[key]?.open += 1
        let connection = PlainConnection { [weak self] connection, isFree in
            self?.changed(connection, isFree, key)
        }
        let bound = NIOLoopBound(connection, eventLoop: loop)
        let now = NIODeadline.now()
        let limit = job.deadline > now ? min(Self.connectTime, job.deadline - now) : .nanoseconds(1)
        ClientBootstrap(group: loop)
            .connectTimeout(limit)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(bound.value)
                }
            }
            .connect(host: job.address, port: job.target.port)
            .assumeIsolated().whenComplete { result in
                switch result {
                case .success: self.use(connection, job, key)
                case .failure(let error):
                    self.gone(key)
                    let isLate: Bool = if case ChannelError.connectTimeout = error { true } else { false }
                    job.done(.failure(isLate ? .timedOut : .unreachable("nobody listens there")))
                }
            }
    }

    private func use(_ connection: PlainConnection, _ job: Job, _ key: String) {
        let target = job.target
        connection.send(job.request, path: target.requestTarget, host: target.hostHeader, by: job.deadline) {
            result, mayBeRepeated in
            // A connection that was kept may have ended meanwhile; another one gets the request, once.
            if mayBeRepeated, !job.isRepeated, ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"].contains(job.request.method)
            {
                var again = job
                again.isRepeated = true
                self.loop.assumeIsolated().execute { self.send(again) }
            } else {
                job.done(result)
            }
        }
    }

    private func changed(_ connection: PlainConnection, _ isFree: Bool, _ key: String) {
        guard isFree, !isEnded else {
            hosts[key]?.idle.removeAll { $0 === connection }
            if isFree { connection.close() } else { gone(key) }
            return
        }
        if hosts[key]?.waiting.isEmpty == false, let next = hosts[key]?.waiting.removeFirst() {
            next.timer.cancel()
            loop.assumeIsolated().execute { self.use(connection, next.job, key) }
        } else {
            hosts[key]?.idle.append(connection)
            connection.rest(for: Self.idleTime)
        }
    }

    private func gone(_ key: String) {
        hosts[key]?.open -= 1
        guard let host = hosts[key] else { return }
        if !host.waiting.isEmpty, host.open < most, let next = hosts[key]?.waiting.removeFirst() {
            next.timer.cancel()
            send(next.job)
        } else if host.open == 0, host.waiting.isEmpty {
            hosts[key] = nil
        }
    }

    func end() {
        isEnded = true
        for host in hosts.values {
            for connection in host.idle { connection.close() }
            for waiting in host.waiting {
                waiting.timer.cancel()
                waiting.job.done(.failure(.unreachable("the server is stopping")))
            }
        }
        hosts = hosts.mapValues { host in
            var host = host
            host.waiting = []
            return host
        }
    }
}
