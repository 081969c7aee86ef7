import CJSON

extension JSONValue {
    /// Elements of an array or members of an object; 0 for everything else.
    @inline(__always)
    package var count: Int { raw.tag == 6 || raw.tag == 7 ? Int(raw.count) : 0 }

    @inline(__always)
    var values: UnsafeMutablePointer<weir_json_value> {
        UnsafeMutablePointer(bitPattern: UInt(raw.bits)).unsafelyUnwrapped  // containers always have storage
    }

    @inline(__always)
    var header: UnsafeMutablePointer<weir_json_header> {
        UnsafeMutableRawPointer(values).advanced(by: -16).assumingMemoryBound(to: weir_json_header.self)
    }

    /// An element of an array.
    @inline(__always)
    package subscript(index: Int) -> JSONValue {
        precondition(raw.tag == 6 && index >= 0 && index < Int(raw.count), "no such element")
        return JSONValue(raw: values[index])
    }

    /// The name of an object's member by its place.
    @inline(__always)
    package func key(at index: Int) -> JSONValue {
        precondition(raw.tag == 7 && index >= 0 && index < Int(raw.count), "no such member")
        return JSONValue(raw: values[2 * index])
    }

    @inline(__always)
    package func value(at index: Int) -> JSONValue {
        precondition(raw.tag == 7 && index >= 0 && index < Int(raw.count), "no such member")
        return JSONValue(raw: values[2 * index + 1])
    }

    @inline(__always)
    func index(of key: UnsafeRawBufferPointer) -> Int? {
        guard raw.tag == 7 else { return nil }
        let values = values
        let length = UInt32(truncatingIfNeeded: key.count)
        for index in 0..<Int(raw.count) {
            let name = values[2 * index]
            guard name.count == length else { continue }
            if JSONValue(raw: name).bytes.hasSameBytes(as: key) { return index }
        }
        return nil
    }

    /// A member by a name that is a string.
    @inline(__always)
    package func member(_ name: JSONValue) -> JSONValue? {
        index(of: name.bytes).map { JSONValue(raw: values[2 * $0 + 1]) }
    }

    package func member(_ key: UnsafeRawBufferPointer) -> JSONValue? {
        index(of: key).map { JSONValue(raw: values[2 * $0 + 1]) }
    }

    package func member(_ key: StaticString) -> JSONValue? {
        member(UnsafeRawBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount))
    }

    package func member(_ key: String) -> JSONValue? {
        var key = key
        return key.withUTF8 { member(UnsafeRawBufferPointer($0)) }
    }

    /// A deep copy that lives as long as `arena`.
    package func copied(into arena: JSONArena) -> JSONValue {
        switch Int(raw.tag) {
        case 5: return .string(copying: bytes, in: arena)
        case 8:
            let text = JSONValue.string(copying: bytes, in: arena).raw
            return JSONValue(
                raw: weir_json_value(bits: text.bits, count: text.count, tag: 8, flags: 0, reserved: 0))
        case 6, 7:
            let slots = raw.tag == 6 ? Int(raw.count) : 2 * Int(raw.count)
            let copies = arena.allocateContainer(capacity: slots)
            for slot in 0..<slots { copies[slot] = JSONValue(raw: values[slot]).copied(into: arena).raw }
            return .container(copies, count: Int(raw.count), tag: raw.tag)
        default: return self
        }
    }

    /// Marks everything below as shared, once and before other threads see it.
    func markAllShared() {
        markShared()
        switch Int(raw.tag) {
        case 6: for index in 0..<count { self[index].markAllShared() }
        case 7: for index in 0..<count { value(at: index).markAllShared() }
        default: break
        }
    }

    var isMarkedShared: Bool { (raw.tag == 6 || raw.tag == 7) && header.pointee.is_shared != 0 }

    /// Marks an array or object as seen from elsewhere: whoever writes to it next copies it first.
    @inline(__always)
    package func markShared() {
        guard raw.tag == 6 || raw.tag == 7, header.pointee.is_shared == 0 else { return }
        header.pointee.is_shared = 1
    }
}

extension UnsafeRawBufferPointer {
    @inline(__always)
    package func hasSameBytes(as other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        guard count > 0, let left = baseAddress, let right = other.baseAddress else { return true }
        var place = 0
        while place + 8 <= count {
            if left.loadUnaligned(fromByteOffset: place, as: UInt64.self)
                != right.loadUnaligned(fromByteOffset: place, as: UInt64.self)
            {
                return false
            }
            place += 8
        }
        while place < count {
            if left.load(fromByteOffset: place, as: UInt8.self) != right.load(fromByteOffset: place, as: UInt8.self) {
                return false
            }
            place += 1
        }
        return true
    }
}
