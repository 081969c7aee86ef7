import Synchronization

/// An immutable value with an arena of its own, for definitions and literals: shared freely between threads, because
/// nobody writes to it after `init`.
package final class OwnedJSON: Sendable {
    /// Holds the memory until the end. Nobody takes the lock: it only says that the arena is not reached otherwise.
    private let arena: Mutex<JSONArena>
    /// Valid as long as this object: keep the object in a variable while you use it, or use ``read(_:)``.
    package let value: JSONValue

    package init(parsing bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONSyntaxError) {
        let arena = JSONArena()
        value = try JSONReader.parse(bytes, in: arena, limits: limits)
        value.markAllShared()
        self.arena = Mutex(arena)
    }

    /// What `body` makes of the value, which lives at least until it returns.
    package func read<Result>(_ body: (JSONValue) -> Result) -> Result {
        withExtendedLifetime(self) { body(value) }
    }

    package init(copying value: JSONValue) {
        let arena = JSONArena()
        self.value = value.copied(into: arena)
        self.value.markAllShared()
        self.arena = Mutex(arena)
    }
}
