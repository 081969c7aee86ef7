import CJSON

/// Memory for the JSON values of one request: handed out by moving a pointer, freed as a whole.
///
/// Values point into it and are valid only as long as it lives and is not reset. One thread at a time uses an arena.
package final class JSONArena {
    let storage: OpaquePointer

    package init() {
        guard let storage = weir_arena_create() else { preconditionFailure("out of memory for a JSON arena") }
        self.storage = storage
    }

    deinit { weir_arena_destroy(storage) }

    /// Forgets every value; the first block of memory is kept for the next request.
    package func reset() { weir_arena_reset(storage) }

    package var bytesUsed: Int { weir_arena_used(storage) }

    /// 16-byte aligned, valid until ``reset()`` or the end of the arena.
    package func allocate(bytes: Int) -> UnsafeMutableRawPointer {
        guard let memory = weir_arena_allocate(storage, bytes) else { preconditionFailure("out of memory for JSON") }
        return memory
    }

    /// Room for `capacity` values behind a header.
    func allocateContainer(capacity: Int) -> UnsafeMutablePointer<weir_json_value> {
        let header = allocate(bytes: 16 + capacity * 16)
        header.storeBytes(
            of: weir_json_header(capacity: UInt32(capacity), is_shared: 0, padding: 0), as: weir_json_header.self)
        return (header + 16).bindMemory(to: weir_json_value.self, capacity: max(1, capacity))
    }
}
