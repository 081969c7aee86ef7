import Admission
import HTTPServing
import Synchronization
import Vocabulary

/// Replies that are given again: to a repeated idempotency key, and to a request that was cached.
///
/// Sharded, so that requests of one channel do not wait for those of another; bounded as a whole.
package final class ReplyMemories: Sendable {
    typealias Memory = ReplyMemory<HTTPResponse>

    private let keys: [Memory]
    private let cache: [Memory]
    private let namespaces = Mutex<[String: Int]>([:])

    private static let shards = 16
    /// Names that have ever been invalidated; beyond it all replies are forgotten instead.
    private static let mostNamespaces = 10_000

    package init(maxBytes: Int = 128 << 20) {
        func shards() -> [Memory] {
            (0..<Self.shards).map { _ in Memory(maxEntries: 100_000 / Self.shards, maxBytes: maxBytes / 2 / Self.shards)
            }
        }
        keys = shards()
        cache = shards()
    }

    func keyMemory(of key: String) -> Memory { keys[Int(UInt(bitPattern: key.hashValue) % UInt(Self.shards))] }
    func cacheMemory(of key: String) -> Memory { cache[Int(UInt(bitPattern: key.hashValue) % UInt(Self.shards))] }

    /// Part of every cached reply's key: what was cached before a namespace was invalidated is not found any more.
    func version(of names: [String]) -> String {
        guard !names.isEmpty else { return "" }
        return namespaces.withLock { versions in names.map { "\($0)=\(versions[$0] ?? 0)" }.joined(separator: ",") }
    }

    package func invalidate(namespace: String) {
        let isFull = namespaces.withLock { versions in
            guard versions.count < Self.mostNamespaces || versions[namespace] != nil else {
                versions = [:]
                return true
            }
            versions[namespace, default: 0] += 1
            return false
        }
        if isFull { for memory in cache { memory.removeAll() } }
    }
}

/// The right to do the work behind a key, given back exactly once: with the reply, or by letting go of it.
final class ReplyClaim: Sendable {
    private let memory: ReplyMemories.Memory
    private let key: String
    private let lifetime: UInt64
    /// Whether replies with errors of single tasks may be remembered.
    private let keepsErrors: Bool
    private let isSettled = Atomic<Bool>(false)

    init(_ memory: ReplyMemories.Memory, key: String, lifetimeSeconds: Int, keepsErrors: Bool) {
        self.memory = memory
        self.key = key
        lifetime = UInt64(lifetimeSeconds) * 1_000_000_000
        self.keepsErrors = keepsErrors
    }

    /// - Parameters:
    ///   - failed: the run did not come to its end; it may be done again.
    ///   - hasErrors: single tasks failed.
    func settle(_ response: HTTPResponse, failed: Bool, hasErrors: Bool) {
        let isKept = !failed && response.status < 500 && (keepsErrors || !hasErrors && response.status < 400)
        settle(isKept ? response : nil)
    }

    private func settle(_ response: HTTPResponse?) {
        guard !isSettled.exchange(true, ordering: .acquiringAndReleasing) else { return }
        let headers = response?.headers.reduce(0) { $0 + $1.0.utf8.count + $1.1.utf8.count } ?? 0
        memory.settle(
            key, with: response, bytes: (response?.body.readableBytes ?? 0) + headers + 256, lifetime: lifetime,
            at: Stopwatch.nanoseconds())
    }

    deinit { settle(nil) }
}
