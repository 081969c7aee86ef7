import CJSON

/// A value that can be written to, in an arena. What was read out of it keeps its content: containers that may be seen
/// from elsewhere are copied, one level, when they are first written to; those made by writing grow in place.
package struct JSONDocument {
    package private(set) var root: JSONValue
    package let arena: JSONArena

    package init(root: JSONValue, arena: JSONArena) {
        self.root = root
        self.arena = arena
        root.markShared()
    }

    /// Reads a part; the document copies it before it writes to it again.
    @inline(__always)
    package func read(_ path: JSONPath) -> JSONValue? {
        let value = path.read(from: root)
        value?.markShared()
        return value
    }

    /// Writes `value` at the path, with objects made on the way.
    ///
    /// A numeric segment is an element where an array stands (at most one past its end), `0` begins a new array where
    /// nothing stands, and anywhere else it is a name.
    /// - Returns: `false`, and nothing is changed, where a scalar or a missing element is in the way.
    package mutating func set(_ path: JSONPath, to value: JSONValue) -> Bool {
        value.markShared()
        guard let written = write(root, path.segments[...], value, isShared: false) else { return false }
        root = written
        return true
    }

    /// Takes the member or element away, if it is there.
    package mutating func remove(_ path: JSONPath) {
        guard path.read(from: root) != nil, let written = write(root, path.segments[...], nil, isShared: false)
        else { return }
        root = written
    }

    /// `isShared`: something above is seen from elsewhere, and so this is too, whatever its own mark says.
    private func write(
        _ target: JSONValue, _ path: ArraySlice<JSONPath.Segment>, _ value: JSONValue?, isShared: Bool
    ) -> JSONValue? {
        guard let segment = path.first else { return value }
        if target.isArray, case .index(let index, _) = segment {
            return writeElement(target, index, path.dropFirst(), value, isShared: isShared)
        }
        if target.isNull, case .index(0, _) = segment {
            let empty = JSONValue.container(arena.allocateContainer(capacity: 4), count: 0, tag: 6)
            return writeElement(empty, 0, path.dropFirst(), value, isShared: false)
        }
        guard target.isObject || target.isNull else { return nil }
        let object =
            target.isObject ? target : JSONValue.container(arena.allocateContainer(capacity: 8), count: 0, tag: 7)
        return segment.name.withUnsafeBytes {
            writeMember(object, $0, path.dropFirst(), value, isShared: isShared)
        }
    }

    private func writeMember(
        _ object: JSONValue, _ name: UnsafeRawBufferPointer, _ rest: ArraySlice<JSONPath.Segment>, _ value: JSONValue?,
        isShared: Bool
    ) -> JSONValue? {
        let isShared = isShared || object.isMarkedShared
        if let index = object.index(of: name) {
            if rest.isEmpty && value == nil { return without(object, slots: 2 * index..<2 * index + 2, isShared) }
            guard let next = write(object.value(at: index), rest, value, isShared: isShared) else { return nil }
            let own = owned(object, adding: 0, isShared)
            own.values[2 * index + 1] = next.raw
            return own
        }
        guard let next = write(.null, rest, value, isShared: false) else { return nil }
        let own = owned(object, adding: 2, isShared)
        own.values[2 * object.count] = JSONValue.string(copying: name, in: arena).raw
        own.values[2 * object.count + 1] = next.raw
        return .container(own.values, count: object.count + 1, tag: 7)
    }

    private func writeElement(
        _ array: JSONValue, _ index: Int, _ rest: ArraySlice<JSONPath.Segment>, _ value: JSONValue?, isShared: Bool
    ) -> JSONValue? {
        guard index <= array.count else { return nil }
        let isShared = isShared || array.isMarkedShared
        if index < array.count {
            if rest.isEmpty && value == nil { return without(array, slots: index..<index + 1, isShared) }
            guard let next = write(array[index], rest, value, isShared: isShared) else { return nil }
            let own = owned(array, adding: 0, isShared)
            own.values[index] = next.raw
            return own
        }
        guard let next = write(.null, rest, value, isShared: false) else { return nil }
        let own = owned(array, adding: 1, isShared)
        own.values[index] = next.raw
        return .container(own.values, count: index + 1, tag: 6)
    }

    /// The container itself where only this document sees it and it has room, else a copy of its first level, below
    /// which everything is then marked as seen from elsewhere too.
    private func owned(_ container: JSONValue, adding slots: Int, _ isShared: Bool) -> JSONValue {
        let used = container.isArray ? container.count : 2 * container.count
        if !isShared && Int(container.header.pointee.capacity) >= used + slots { return container }
        let copy = arena.allocateContainer(capacity: slots == 0 ? used : max(8, 2 * (used + slots)))
        copy.update(from: container.values, count: used)
        if isShared {
            for slot in 0..<used { JSONValue(raw: copy[slot]).markShared() }
        }
        return .container(copy, count: container.count, tag: container.raw.tag)
    }

    private func without(_ container: JSONValue, slots: Range<Int>, _ isShared: Bool) -> JSONValue {
        let used = container.isArray ? container.count : 2 * container.count
        let own = owned(container, adding: 0, isShared)
        for slot in slots.upperBound..<used { own.values[slot - slots.count] = own.values[slot] }
        return .container(own.values, count: container.count - 1, tag: container.raw.tag)
    }

    /// Moves the document into a fresh arena, leaving behind what nobody sees any more.
    package func compacted(into arena: JSONArena) -> JSONDocument {
        JSONDocument(root: root.copied(into: arena), arena: arena)
    }
}
