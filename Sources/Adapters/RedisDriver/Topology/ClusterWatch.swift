/// Learns which node of a cluster serves which slot: at once, when a node says that a slot is elsewhere, when a node is
/// gone, and every ten seconds.
struct ClusterWatch: Sendable {
    let seeds: [RedisAddress]
    let core: RedisCore

    private static let interval = Duration.seconds(10)
    /// Between two passes, however many ask for one; spread over its second half.
    private static let leastPause = 100.0
    private static let patience = Duration.milliseconds(500)

    /// Ends when the task is cancelled.
    ///
    /// - Parameter wakes: each asks for a pass.
    func run(_ wakes: AsyncStream<Void>, _ wake: AsyncStream<Void>.Continuation) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while (try? await Task.sleep(for: Self.interval)) != nil { wake.yield() }
            }
            var known: [RedisAddress] = []
            await pass(&known, wake)
            for await _ in wakes {
                let pause = Duration.milliseconds(Self.leastPause * .random(in: 0.5..<1))
                guard (try? await Task.sleep(for: pause)) != nil else { break }
                await pass(&known, wake)
            }
            group.cancelAll()
        }
    }

    /// Asks one node after the other until one has a map.
    private func pass(_ known: inout [RedisAddress], _ wake: AsyncStream<Void>.Continuation) async {
        let nodes = known.shuffled() + seeds.filter { !known.contains($0) }
        var failure = RedisFailure.unreachable("no node of the cluster knows its slots")
        for node in nodes where !Task.isCancelled {
            do throws(RedisFailure) {
                let reply = try await core.ask(RedisCommand("CLUSTER", "SLOTS"), of: node, within: Self.patience)
                guard let table = SlotTable(reply, from: node), table.served > 0 else { continue }
                known = table.nodes
                return core.adopt(.slots(table))
            } catch { failure = Self.told(error) }
        }
        core.despair(failure)
        wake.yield()
    }

    private static func told(_ failure: RedisFailure) -> RedisFailure {
        if case .denied = failure { return failure }
        return .unreachable("no node of the cluster says which slots it serves: \(failure.sentence)")
    }
}
