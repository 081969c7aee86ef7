package import CJSON

/// Gathers the elements of a new array. What is put in may be seen from elsewhere too, and is marked so.
package struct JSONArrayBuilder {
    private let arena: JSONArena
    private var values: UnsafeMutablePointer<weir_json_value>
    private var capacity: Int
    package private(set) var count = 0

    package init(capacity: Int = 4, in arena: JSONArena) {
        self.arena = arena
        self.capacity = max(1, capacity)
        values = arena.allocateContainer(capacity: self.capacity)
    }

    @inline(__always)
    package mutating func append(_ value: JSONValue) {
        value.markShared()
        if count == capacity { grow() }
        values[count] = value.raw
        count += 1
    }

    private mutating func grow() {
        let larger = arena.allocateContainer(capacity: capacity * 2)
        larger.update(from: values, count: count)
        values = larger
        capacity *= 2
    }

    package func finish() -> JSONValue { .container(values, count: count, tag: 6) }

    /// An array that `fill` writes into room for `most` values, of values that are marked as shared already; it returns
    /// how many, or less than 0 for none at all.
    package static func gather(
        atMost most: Int, in arena: JSONArena, _ fill: (UnsafeMutablePointer<weir_json_value>) -> Int
    ) -> JSONValue? {
        let values = arena.allocateContainer(capacity: most)
        let count = fill(values)
        return count < 0 ? nil : .container(values, count: count, tag: 6)
    }
}

/// Gathers the members of a new object. Whoever appends sees to it that names differ.
package struct JSONObjectBuilder {
    private var slots: JSONArrayBuilder
    private let arena: JSONArena

    package init(capacity: Int = 4, in arena: JSONArena) {
        self.arena = arena
        slots = JSONArrayBuilder(capacity: 2 * max(1, capacity), in: arena)
    }

    package mutating func append(key: JSONValue, _ value: JSONValue) {
        slots.append(key)
        slots.append(value)
    }

    package mutating func append(key: StaticString, _ value: JSONValue) { append(key: .string(key), value) }

    @_disfavoredOverload
    package mutating func append(key: String, _ value: JSONValue) { append(key: .string(key, in: arena), value) }

    package func finish() -> JSONValue {
        let array = slots.finish().raw
        return JSONValue(
            raw: weir_json_value(bits: array.bits, count: array.count / 2, tag: 7, flags: 0, reserved: 0))
    }
}
