import Synchronization
package import Vocabulary

/// What a run is given in place of the clock and of chance, so that it can be repeated to the letter.
package final class Rehearsal: Sendable {
    package let now: Timestamp
    private let state: Mutex<UInt64>

    package init(now: Timestamp, seed: UInt64 = 1) {
        self.now = now
        state = Mutex(seed)
    }

    /// SplitMix64, Steele, Lea, Flood 2014: any seed will do.
    private func draw() -> UInt64 {
        state.withLock { state in
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
            return mixed ^ mixed >> 31
        }
    }

    package func makeIdentifier() -> Identifier { Identifier(at: now, random: (draw(), draw())) }

    package func randomBytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: draw()) } }
}
