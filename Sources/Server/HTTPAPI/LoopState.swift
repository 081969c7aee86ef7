import Channels
import JSONTree
import NIOPosix
import Vocabulary

/// What one event loop keeps for itself, so that requests on different loops share no lock: its copy of the snapshot,
/// arenas to reuse, a source of identifiers, and its lane to the trace writer.
final class LoopState {
    let lane: Int
    private var reader: ServingState.Reader
    private var spareArenas: [JSONArena] = []
    private var identifiers = IdentifierSource()
    private var random = SystemRandomNumberGenerator()
    /// The bytes of the reply being written.
    var scratch = JSONByteBuffer()

    /// Arenas that grew past this are let go of, so that one large request does not stay in memory for ever.
    private static let largestKeptArena = 256 * 1024
    private static let mostSpareArenas = 16

    init(lane: Int, state: ServingState) {
        self.lane = lane
        reader = ServingState.Reader(state)
    }

    func snapshot(of state: ServingState) -> ServingSnapshot { reader.current(of: state) }

    func makeIdentifier(at time: Timestamp) -> Identifier { identifiers.next(at: time) }

    func drawBucket() -> Int { Int.random(in: 0..<100, using: &random) }

    func borrowArena() -> JSONArena { spareArenas.popLast() ?? JSONArena() }

    /// Only for arenas nothing points into any more.
    func giveBack(_ arena: JSONArena) {
        guard spareArenas.count < Self.mostSpareArenas, arena.bytesUsed <= Self.largestKeptArena else { return }
        arena.reset()
        spareArenas.append(arena)
    }
}
