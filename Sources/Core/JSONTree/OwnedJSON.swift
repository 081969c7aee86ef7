/// An immutable value with an arena of its own, for definitions and literals: shared freely between threads, because
/// nobody writes to it after `init`.
package final class OwnedJSON: Sendable {
    // Frees the memory at the end; never touched in between, so its not being Sendable does not matter.
    private nonisolated(unsafe) let arena: JSONArena
    package let value: JSONValue

    package init(parsing bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONSyntaxError) {
        let arena = JSONArena()
        value = try JSONReader.parse(bytes, in: arena, limits: limits)
        self.arena = arena
    }

    package init(copying value: JSONValue) {
        let arena = JSONArena()
        self.value = value.copied(into: arena)
        self.value.markAllShared()
        self.arena = arena
    }
}
