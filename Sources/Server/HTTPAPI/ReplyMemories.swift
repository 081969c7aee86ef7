package import Admission
import HTTPServing
import SharedState
import Synchronization
import Vocabulary

/// Replies that are given again: to a repeated idempotency key, and to a request that was cached.
///
/// Sharded, so that requests of one channel do not wait for those of another; bounded as a whole.
package final class ReplyMemories: Sendable {
    typealias Memory = ReplyMemory<HTTPResponse>

    private let keys: [Memory]
    private let cache: [Memory]
    private let namespaces = Mutex(Namespaces())
    /// Nil where replies are remembered by this instance alone.
    let shared: SharedGuards?

    private struct Namespaces {
        /// What was invalidated last, by the shared state's clock, or counted here.
        var versions: [String: Int64] = [:]
        /// Invalidated here; the others do not know yet, or it is not known here by which version they do.
        var pending: [String: (number: UInt64, isPosted: Bool)] = [:]
        var lastPending: UInt64 = 0
    }

    private static let shards = 16
    /// Names that have ever been invalidated; beyond it all replies are forgotten instead.
    private static let mostNamespaces = 9_000
    private static let board = "namespaces"
    /// Stands for all namespaces.
    private static let everything = "*"
    /// Longer than any reply is kept: after it, nothing is left of what was invalidated.
    private static let noticeLifetime = Duration.seconds(604_800 + 3600)

    package init(maxBytes: Int = 128 << 20, shared: SharedGuards? = nil) {
        self.shared = shared
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
        return namespaces.withLock { spaces in
            ([Self.everything] + names).map { name in
                // What the others do not know yet is a version of this instance's own.
                spaces.pending[name].map { "\(name)!\(Self.instance)-\($0.number)" }
                    ?? "\(name)=\(spaces.versions[name] ?? 0)"
            }.joined(separator: ",")
        }
    }

    /// Sets what this instance alone has invalidated apart from what any other has.
    private static let instance = UInt64.random(in: .min ... .max)

    /// Takes effect here at once, on other instances as soon as they hear of it: a second later at most.
    package func invalidate(namespace: String) {
        let isFull = namespaces.withLock { spaces in
            spaces.versions.count >= Self.mostNamespaces && spaces.versions[namespace] == nil
        }
        let name = isFull ? Self.everything : namespace
        guard let shared else { return invalidateHere(name) }
        let number = namespaces.withLock { spaces in
            spaces.lastPending += 1
            spaces.pending[name] = (spaces.lastPending, false)
            return spaces.lastPending
        }
        shared.post(name, on: Self.board, lifetime: Self.noticeLifetime) { [self] in
            namespaces.withLock { spaces in
                if spaces.pending[name]?.number == number { spaces.pending[name]?.isPosted = true }
            }
            shared.readOnce(Self.board)
        }
    }

    private func invalidateHere(_ name: String) {
        namespaces.withLock { spaces in
            if name == Self.everything { spaces.versions = [:] }
            spaces.lastPending += 1
            spaces.versions[name] = Int64(spaces.lastPending)
        }
        if name == Self.everything { for memory in cache { memory.removeAll() } }
    }

    /// Hears what other instances invalidate.
    package func listen() {
        shared?.watch(Self.board) { [weak self] notices in self?.takeOver(notices) }
    }

    private func takeOver(_ notices: [Notice]) {
        let versions = Dictionary(notices.map { ($0.name, $0.stamp) }, uniquingKeysWith: max)
        namespaces.withLock { spaces in
            spaces.versions = versions
            spaces.pending = spaces.pending.filter { !$0.value.isPosted || versions[$0.key] == nil }
        }
    }
}
