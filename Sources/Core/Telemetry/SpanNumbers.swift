import Synchronization

/// Names of spans: each process counts from a random place, and mixes. They need to be different, not secret, so they
/// cost no call of the kernel.
///
/// SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014).
package enum SpanNumbers {
    private static let start = UInt64.random(in: .min ... .max)
    private static let count = Atomic<UInt64>(0)

    /// Not zero, which W3C Trace Context keeps for "none".
    package static func next() -> UInt64 {
        let turn = count.wrappingAdd(1, ordering: .relaxed).newValue
        var mixed = start &+ turn &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        mixed ^= mixed >> 31
        return mixed == 0 ? 1 : mixed
    }
}
