import Glibc

/// A growing run of bytes with one owner: what is written before it is sent or stored.
package struct JSONByteBuffer: ~Copyable {
    private var start: UnsafeMutableRawPointer
    private var capacity: Int
    package private(set) var count = 0

    package init(capacity: Int = 1024) {
        self.capacity = max(64, capacity)
        start = .allocate(byteCount: self.capacity, alignment: 16)
    }

    deinit { start.deallocate() }

    package mutating func removeAll(keepingCapacity: Bool = true) {
        count = 0
        guard !keepingCapacity || capacity > 1 << 20 else { return }
        start.deallocate()
        capacity = 1024
        start = .allocate(byteCount: capacity, alignment: 16)
    }

    /// Room for `bytes` more; returns where they go.
    @inline(__always)
    mutating func reserve(_ bytes: Int) -> UnsafeMutableRawPointer {
        if count + bytes > capacity { grow(bytes) }
        return start + count
    }

    private mutating func grow(_ bytes: Int) {
        capacity = max(capacity * 2, count + bytes)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
        larger.copyMemory(from: start, byteCount: count)
        start.deallocate()
        start = larger
    }

    @inline(__always)
    mutating func commit(_ bytes: Int) { count += bytes }

    @inline(__always)
    package mutating func append(byte: UInt8) {
        reserve(1).storeBytes(of: byte, as: UInt8.self)
        count += 1
    }

    @inline(__always)
    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let from = bytes.baseAddress else { return }
        reserve(bytes.count).copyMemory(from: from, byteCount: bytes.count)
        count += bytes.count
    }

    package mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    package mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

    package mutating func append(utf8 text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    package mutating func append(integer value: Int64) {
        let room = reserve(20).assumingMemoryBound(to: UInt8.self)
        var rest = value.magnitude
        var digits = 0
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { reversed in
            repeat {
                reversed[digits] = UInt8(48 + rest % 10)
                rest /= 10
                digits += 1
            } while rest > 0
            var place = 0
            if value < 0 {
                room[0] = UInt8(ascii: "-")
                place = 1
            }
            for digit in stride(from: digits - 1, through: 0, by: -1) {
                room[place] = reversed[digit]
                place += 1
            }
            digits = place
        }
        commit(digits)
    }

    package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try body(UnsafeRawBufferPointer(start: start, count: count))
    }

    package var bytes: [UInt8] { withUnsafeBytes { [UInt8]($0) } }
}
