package import ConnectionPooling
package import Storage
import Synchronization
import Vocabulary

extension PostgresPool {
    /// The pool's own thread, for tasks that mostly ask the database and never block: they are answered without a hop.
    package nonisolated var tasks: EventTasks { EventTasks(on: thread) }
}

/// Reads travel together: see ``ReadGrouping``.
extension PostgresPool {
    /// Runs statements that change nothing; those of other callers may go along in one transaction. What another of them
    /// fails of is not told here: the rest is asked again. Tried again after a loss.
    ///
    /// A caller that is cancelled gets `unavailable` at once.
    /// - Returns: the answer of each statement.
    package nonisolated func read(_ statements: [PostgresStatement]) async throws(StorageFailure) -> [PostgresTable] {
        var tries = 0
        while true {
            let answer = await readOnce(statements)
            switch answer.outcome {
            case .success(let tables): return tables
            case .failure(let failure):
                let isWorthIt = !answer.isRefusal && (failure.wasUndone || failure.endsConnection)
                try await ourPause(after: failure, isWorthIt: isWorthIt, &tries)
            }
        }
    }

    private nonisolated func readOnce(_ statements: [PostgresStatement]) async -> PostgresRead.Answer {
        let ticket = nextRead.add(1, ordering: .relaxed).newValue
        return await withTaskCancellationHandler {
            await withCheckedContinuation { caller in
                let now = Stopwatch.nanoseconds()
                var read = PostgresRead(
                    ticket: ticket, statements: statements, askedAt: now, deadline: now + limits.wait, caller: caller)
                switch inbox.add(read, most: limits.mostWaiting) {
                case true: thread.perform { self.assumeIsolated { $0.sendReads() } }
                case false: break
                case nil: read.finish(.failure(.busy), isRefusal: true)
                }
                if Task.isCancelled { leave(ticket) }
            }
        } onCancel: {
            leave(ticket)
        }
    }

    private nonisolated func leave(_ ticket: UInt64) {
        thread.perform { self.assumeIsolated { $0.forgetRead(ticket) } }
    }

    private func forgetRead(_ ticket: UInt64) {
        if var read = inbox.take(ticket) { return read.finish(.failure(.cancelled)) }
        for connection in connections.values { connection.assumeIsolated { $0.forgetRead(ticket) } }
    }

    // MARK: Sending

    /// Sends what waits, as far as it may go now, and asks for a connection where it needs one.
    func sendReads() {
        isSendingReads = true
        defer { isSendingReads = false }
        while true {
            let now = Stopwatch.nanoseconds()
            let held = grouping.held(at: now)
            let enough = held == nil ? 1 : grouping.size(at: now)
            let (count, deadline) = inbox.look(enough)
            if count < enough || readSeat != nil {
                if let held { thread.tick(noLaterThan: held) }
                return
            }
            guard !isClosed else { return refuseReads(inbox.takeOverdue(at: .max)) }
            askForReads(until: deadline, at: now, preferring: readMember.flatMap { $0.load < 2 ? $0 : nil })
        }
    }

    /// A connection is there for them.
    func sendReads(on member: UInt64) {
        readSeat = nil
        let now = Stopwatch.nanoseconds()
        let group = inbox.takeGroup(grouping.size(at: now))
        guard !group.isEmpty, let connection = connections[member] else {
            inbox.putBack(group)
            return release(member)
        }
        noteGranted(group.count, waited: group.reduce(0) { $0 + (now - min(now, $1.askedAt)) })
        grouping.sent(group.count, at: now)
        readMember = PoolBook.Preference(
            member: member, load: 1 + (readMember.flatMap { $0.member == member ? $0.load : nil } ?? 0))
        connection.assumeIsolated { connection in
            connection.send(group) { [weak self] left, isLost in
                self?.assumeIsolated { $0.readsReturned(left, of: group.count, from: member, isLost, sentAt: now) }
            }
        }
        sendMoreReads()
    }

    /// More of them may go to other connections.
    private func sendMoreReads() {
        guard !isSendingReads, inbox.count > 0 else { return }
        sendReads()
    }

    /// - Parameter left: what goes again, because of another that it went with.
    private func readsReturned(
        _ left: [PostgresRead], of count: Int, from member: UInt64, _ isLost: Bool, sentAt: UInt64
    ) {
        grouping.returned(count, waiting: inbox.count, sentAt: sentAt, at: Stopwatch.nanoseconds())
        if !left.isEmpty { inbox.putBack(left) }
        if readMember?.member == member { readMember?.load -= 1 }
        // The others must not be sent where nothing arrives.
        if isLost { lost(member) } else { release(member) }
        if !isSendingReads { sendReads() }
    }

    /// There is no connection for them.
    func refuseReads() {
        readSeat = nil
        let now = Stopwatch.nanoseconds()
        let overdue = inbox.takeOverdue(at: now)
        // None is overdue where it is known that there will be none.
        refuseReads(overdue.isEmpty ? inbox.takeOverdue(at: .max) : overdue)
        thread.tick(noLaterThan: now)
    }

    private func refuseReads(_ reads: [PostgresRead]) {
        let now = Stopwatch.nanoseconds()
        noteRefused(reads.count, waited: reads.reduce(0) { $0 + (now - min(now, $1.askedAt)) })
        for var read in reads { read.finish(.failure(lastFailure), isRefusal: true) }
    }
}
