/// One command, already written as the server reads it (RESP2: an array of bulk strings), with its keys noted so that a
/// cluster's node can be found.
///
///     var command = RedisCommand("SET", key: "k")
///     command.append(value)
///     command.append("PX")
///     command.append(1500)
package struct RedisCommand: Sendable {
    /// The arguments, each as a bulk string; those of `head` come before.
    private(set) var body: [UInt8] = []
    /// How many arguments there are in all.
    private(set) var count = 0
    /// `EVALSHA` with the script's digest, or `EVAL` with its text: written when it is sent.
    let script: RedisScript?
    /// Where in `body` the first key is; below 0 where there is none.
    private var keyStart = -1
    private var keyEnd = -1
    /// Whether there are keys of different slots: no cluster can run such a command.
    private(set) var spansSlots = false

    /// - Parameter name: a command such as `PING`; of two words, the second is appended.
    package init(_ name: String) {
        script = nil
        body.reserveCapacity(64)
        append(name)
    }

    package init(_ name: String, key: String) {
        self.init(name)
        append(key: key)
    }

    package init(_ name: String, key: String, _ arguments: String...) {
        self.init(name)
        append(key: key)
        for argument in arguments { append(argument) }
    }

    package init(_ name: String, _ arguments: String...) {
        self.init(name)
        for argument in arguments { append(argument) }
    }

    /// A run of a script: it is known to the server after the first. Append the arguments afterwards.
    ///
    /// - Parameter keys: every key the script touches. In a cluster they must be of one slot.
    package init(_ script: RedisScript, keys: [String]) {
        self.script = script
        body.reserveCapacity(128)
        count = 2
        append(Int64(keys.count))
        for key in keys { append(key: key) }
    }

    /// The slot of its keys in a cluster; nil where it has none.
    var slot: Int? { keyStart < 0 ? nil : KeySlot.of(body[keyStart..<keyEnd]) }

    /// Writes all of it, as the server reads it.
    ///
    /// - Parameter asText: whether a script goes as its text.
    func write(asText: Bool, to buffer: CommandBuffer) {
        if count < 10 {
            buffer.append(four: 0x0A0D_302A | UInt32(count) << 8)  // "*0\r\n" and the digit
        } else {
            buffer.append(Array("*\(count)\r\n".utf8))
        }
        if let script { buffer.append(asText ? script.byText : script.byDigest) }
        buffer.append(body)
    }

    // MARK: Arguments

    package mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { write(UnsafeRawBufferPointer($0)) }
    }

    package mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { write($0) } }

    package mutating func append(_ number: Int64) {
        withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { buffer in
            let digits = Self.digits(of: number, in: buffer)
            write(UnsafeRawBufferPointer(digits))
        }
    }

    package mutating func append(_ number: Int) { append(Int64(number)) }

    package mutating func append(key: String) {
        append(key)
        let end = body.count - 2
        let start = end - key.utf8.count
        if let slot {
            spansSlots = spansSlots || slot != KeySlot.of(body[start..<end])
        } else {
            (keyStart, keyEnd) = (start, end)
        }
    }

    private mutating func write(_ bytes: UnsafeRawBufferPointer) {
        count += 1
        body.append(UInt8(ascii: "$"))
        Self.write(bytes.count, to: &body)
        body.append(13)
        body.append(10)
        body.append(contentsOf: bytes)
        body.append(13)
        body.append(10)
    }

    static func write(_ number: Int, to bytes: inout [UInt8]) {
        if (0...9).contains(number) { return bytes.append(48 + UInt8(number)) }
        withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { buffer in
            bytes.append(contentsOf: digits(of: Int64(number), in: buffer))
        }
    }

    /// The decimal digits at the end of a buffer of 20 bytes, which is enough for any.
    private static func digits(
        of number: Int64, in buffer: UnsafeMutableRawBufferPointer
    ) -> UnsafeMutableRawBufferPointer {
        var rest = number.magnitude
        var place = buffer.count
        repeat {
            place -= 1
            buffer[place] = 48 + UInt8(rest % 10)
            rest /= 10
        } while rest > 0
        if number < 0 {
            place -= 1
            buffer[place] = UInt8(ascii: "-")
        }
        return UnsafeMutableRawBufferPointer(rebasing: buffer[place...])
    }
}
