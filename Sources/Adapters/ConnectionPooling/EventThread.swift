import CEvents
import Dispatch
import Glibc
import Synchronization

/// One thread that waits for sockets and is the executor of the actors that own them: what arrives is handled where it
/// is read, without a hop.
///
/// Nothing that blocks may run here. It lives until ``stop()`` and then ends by itself.
package final class EventThread: SerialExecutor {
    /// What a socket is watched for, and what it is ready for.
    package struct Readiness: OptionSet, Sendable {
        package let rawValue: UInt32
        package static let read = Readiness(rawValue: EPOLLIN.rawValue)
        package static let write = Readiness(rawValue: EPOLLOUT.rawValue)

        package init(rawValue: UInt32) { self.rawValue = rawValue }
    }

    private enum Work {
        case job(UnownedJob)
        case task(UnownedJob, EventTasks)
        case call(@Sendable () -> Void)
    }

    private struct State {
        var work: [Work] = []
        /// The thread will look at `work` before it waits again.
        var isAwake = false
        var isStopping = false
        var hasEnded = false
    }

    /// What tools call the thread; at most 15 characters.
    private let name: String
    /// Where readiness goes: the name the socket was watched under.
    private let ready: @Sendable (UInt64) -> Void
    /// Called when the time it asked for has come. It is told the time and says when it wants to be called next, both in
    /// `Stopwatch` nanoseconds.
    private let tick: @Sendable (UInt64) -> UInt64
    private let poll: Int32
    private let bell: Int32
    private let state = Mutex(State())
    private let nextTick = Atomic<UInt64>(0)
    /// Who runs it; 0 for nobody.
    private let runner = Atomic<UInt>(0)
    /// Runs what comes after the end: the last references to actors that lived here.
    private let afterwards = DispatchQueue(label: "weir.events.afterwards")
    private static let bellName = UInt64.max
    private static let mostRounds = 8

    package init(
        name: String, tick: @escaping @Sendable (UInt64) -> UInt64, ready: @escaping @Sendable (UInt64) -> Void
    ) {
        self.name = name
        self.ready = ready
        self.tick = tick
        poll = weir_epoll()
        bell = weir_bell()
        precondition(poll >= 0 && bell >= 0, "The kernel has no descriptor left for an event thread.")
        // At each edge: it need not be read to be heard again.
        var event = epoll_event(
            events: EPOLLIN.rawValue | EPOLLET.rawValue, data: epoll_data_t(u64: Self.bellName))
        epoll_ctl(poll, EPOLL_CTL_ADD, bell, &event)
    }

    deinit {
        close(poll)
        close(bell)
    }

    package func start() {
        let box = Unmanaged.passRetained(self).toOpaque()
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { raw in
                guard let raw else { return nil }
                Unmanaged<EventThread>.fromOpaque(raw).takeRetainedValue().run()
                return nil
            }, box)
        precondition(code == 0, "The kernel has no thread left.")
        pthread_detach(thread)
    }

    /// What is waiting is done first.
    package func stop() {
        state.withLock { $0.isStopping = true }
        ring()
    }

    // MARK: Sockets; to be called on the thread or before it starts

    package func watch(_ socket: Int32, name: UInt64, for readiness: Readiness) {
        control(EPOLL_CTL_ADD, socket, name, readiness)
    }

    package func rewatch(_ socket: Int32, name: UInt64, for readiness: Readiness) {
        control(EPOLL_CTL_MOD, socket, name, readiness)
    }

    package func unwatch(_ socket: Int32) { control(EPOLL_CTL_DEL, socket, 0, []) }

    private func control(_ operation: Int32, _ socket: Int32, _ name: UInt64, _ readiness: Readiness) {
        var event = epoll_event(events: readiness.rawValue, data: epoll_data_t(u64: name))
        epoll_ctl(poll, operation, socket, &event)
    }

    /// The next tick comes at `time` or before.
    package func tick(noLaterThan time: UInt64) {
        if time < nextTick.load(ordering: .relaxed) { nextTick.store(time, ordering: .relaxed) }
    }

    // MARK: Work

    package func enqueue(_ job: consuming ExecutorJob) { add(.job(UnownedJob(job))) }

    fileprivate func enqueue(_ job: UnownedJob, of tasks: EventTasks) { add(.task(job, tasks)) }

    /// Runs `call` on the thread, after what is waiting.
    package func perform(_ call: @escaping @Sendable () -> Void) { add(.call(call)) }

    private func add(_ work: Work) {
        let (mustRing, hasEnded) = state.withLock { state in
            guard !state.hasEnded else { return (false, true) }
            state.work.append(work)
            defer { state.isAwake = true }
            return (!state.isAwake, false)
        }
        if mustRing { ring() }
        if hasEnded { afterwards.async { self.execute(work) } }
    }

    private func execute(_ work: Work) {
        switch work {
        case .job(let job): job.runSynchronously(on: asUnownedSerialExecutor())
        case .task(let job, let tasks): job.runSynchronously(on: tasks.asUnownedTaskExecutor())
        case .call(let call): call()
        }
    }

    private func ring() {
        var one: UInt64 = 1
        _ = write(bell, &one, 8)
    }

    package func checkIsolated() { precondition(isIsolatingCurrentContext() == true, "Not on the event thread.") }

    package func isIsolatingCurrentContext() -> Bool? {
        runner.load(ordering: .relaxed) == UInt(pthread_self())
    }

    private func run() {
        runner.store(UInt(pthread_self()), ordering: .relaxed)
        weir_name_thread(name)
        weir_block_broken_pipes()
        weir_wake_punctually()
        let most = 64
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: most) { events in
            guard let first = events.baseAddress else { return }
            var work: [Work] = []
            while true {
                // What work brings is done before the sockets are looked at, so that it goes out together; not for ever.
                for _ in 0..<Self.mostRounds {
                    let mustEnd = state.withLock { state in
                        swap(&work, &state.work)
                        state.isAwake = !work.isEmpty
                        state.hasEnded = work.isEmpty && state.isStopping
                        return state.hasEnded
                    }
                    if mustEnd { return }
                    if work.isEmpty { break }
                    for piece in work { execute(piece) }
                    work.removeAll(keepingCapacity: true)
                }
                let isBusy = state.withLock { $0.isAwake }
                let count = weir_epoll_wait(poll, first, Int32(most), isBusy ? 0 : nanosecondsToTick())
                // What is added from now on is found without the bell.
                if count > 0 { state.withLock { $0.isAwake = true } }
                for place in 0..<max(0, Int(count)) {
                    let name = first[place].data.u64
                    if name != Self.bellName { ready(name) }
                }
                let now = monotonic()
                if now >= nextTick.load(ordering: .relaxed) {
                    nextTick.store(.max, ordering: .relaxed)
                    tick(noLaterThan: tick(now))
                }
            }
        }
        // Ended: nobody is on the thread any more.
        runner.store(0, ordering: .relaxed)
    }

    private func nanosecondsToTick() -> Int64 {
        let next = nextTick.load(ordering: .relaxed)
        let now = monotonic()
        return next <= now ? 0 : Int64(min(next - now, 60_000_000_000))
    }

    private func monotonic() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

/// Runs tasks on an event thread: what mostly asks those who live there does so without a hop.
package final class EventTasks: TaskExecutor {
    private let thread: EventThread

    package init(on thread: EventThread) { self.thread = thread }

    package func enqueue(_ job: consuming ExecutorJob) { thread.enqueue(UnownedJob(job), of: self) }
}
