package import Vocabulary

/// Which distributed trace a request belongs to: the `traceparent` header (W3C Trace Context, level 1).
package struct TraceContext: Sendable, Equatable {
    /// 16 bytes, not all zero.
    package let traceHigh: UInt64
    package let traceLow: UInt64
    /// The span that calls, not zero.
    package let parent: UInt64
    package let flags: UInt8

    package var isSampled: Bool { flags & 1 == 1 }

    /// A new trace, where the caller sent none.
    package static func root(sampled: Bool = false) -> TraceContext {
        TraceContext(
            traceHigh: .random(in: 1 ... .max), traceLow: .random(in: 1 ... .max), parent: .random(in: 1 ... .max),
            flags: sampled ? 1 : 0)
    }

    /// The trace of a run that no caller's trace led to: both have the same name, so that one leads to the other.
    package static func root(of run: Identifier) -> TraceContext {
        TraceContext(traceHigh: run.high, traceLow: run.low, parent: run.low, flags: 0)
    }

    /// The same trace with a span of ours as the parent, to be sent on.
    package func child() -> TraceContext { child(SpanNumbers.next()) }

    /// - Parameter span: not zero.
    package func child(_ span: UInt64) -> TraceContext {
        TraceContext(traceHigh: traceHigh, traceLow: traceLow, parent: span, flags: flags & 1)
    }

    /// The same, with the word that its spans are kept.
    package var sampled: TraceContext {
        TraceContext(traceHigh: traceHigh, traceLow: traceLow, parent: parent, flags: flags | 1)
    }

    /// 32 lower-case hexadecimal digits.
    package var traceID: String { Self.hex(traceHigh, digits: 16) + Self.hex(traceLow, digits: 16) }

    /// The header's value, in version 00.
    package var traceparent: String {
        "00-\(traceID)-\(Self.hex(parent, digits: 16))-\(Self.hex(UInt64(flags), digits: 2))"
    }

    static func hex(_ value: UInt64, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}

extension TraceContext {
    /// Reads a header's value; nil where it is malformed, and a new trace begins then.
    ///
    /// Version 00 has exactly four fields; later versions may have more, which are not looked at. Version ff is none.
    package init?(traceparent: String) {
        let bytes = Array(traceparent.utf8)
        guard bytes.count >= 55, bytes[2] == 45, bytes[35] == 45, bytes[52] == 45,
            let version = Self.number(bytes[0..<2]), version != 0xFF,
            bytes.count == 55 || version > 0 && bytes[55] == 45,
            let high = Self.number(bytes[3..<19]), let low = Self.number(bytes[19..<35]), high != 0 || low != 0,
            let parent = Self.number(bytes[36..<52]), parent != 0, let flags = Self.number(bytes[53..<55])
        else { return nil }
        self.init(traceHigh: high, traceLow: low, parent: parent, flags: UInt8(truncatingIfNeeded: flags))
    }

    /// Lower-case hexadecimal digits only, as the standard demands.
    private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for digit in digits {
            switch digit {
            case 48...57: value = value << 4 | UInt64(digit - 48)
            case 97...102: value = value << 4 | UInt64(digit - 87)
            default: return nil
            }
        }
        return value
    }
}
