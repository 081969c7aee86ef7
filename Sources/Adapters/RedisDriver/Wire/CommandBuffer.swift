/// The bytes of commands that go out together, in memory of its own: each is copied there once, without the checks that a
/// buffer which may be shared has to make for each.
final class CommandBuffer {
    private var memory: UnsafeMutableRawPointer
    private var capacity: Int
    private(set) var count = 0

    private static var smallest: Int { 4096 }
    /// Memory that one large command took is not kept.
    private static var mostKept: Int { 256 << 10 }

    init() {
        capacity = Self.smallest
        memory = .allocate(byteCount: capacity, alignment: 1)
    }

    deinit { memory.deallocate() }

    var isEmpty: Bool { count == 0 }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: memory, count: count) }

    func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

    func append(_ bytes: UnsafeRawBufferPointer) {
        reserve(bytes.count)
        guard let start = bytes.baseAddress else { return }
        (memory + count).copyMemory(from: start, byteCount: bytes.count)
        count += bytes.count
    }

    /// - Parameter bytes: the first in the lowest place.
    func append(four bytes: UInt32) {
        reserve(4)
        (memory + count).storeBytes(of: bytes.littleEndian, as: UInt32.self)
        count += 4
    }

    func clear() {
        count = 0
        if capacity > Self.mostKept { move(to: Self.smallest) }
    }

    private func reserve(_ more: Int) {
        if more > capacity - count { move(to: max(2 * capacity, count + more)) }
    }

    private func move(to capacity: Int) {
        let new = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 1)
        new.copyMemory(from: memory, byteCount: count)
        memory.deallocate()
        memory = new
        self.capacity = capacity
    }
}
