import Channels
import Definitions
import Testing

@Suite struct RouteTableTests {
    private func table(_ routes: [(name: String, pattern: String, priority: Int)]) -> RouteTable<String> {
        RouteTable(
            routes.map { route in
                .init(
                    name: route.name, pattern: RouteTable<String>.segments(of: route.pattern), priority: route.priority,
                    target: route.name)
            })
    }

    private func match(_ table: RouteTable<String>, _ path: String) -> (String, [String: String])? {
        let segments = path.split(separator: "/").map(\.utf8)
        return table.match(segments) { _ in true }.map { found in
            (found.target, Dictionary(uniqueKeysWithValues: found.parameters.map { ($0.name, $0.value) }))
        }
    }

    @Test func `parameters take whole segments, decoded once`() {
        let table = table([("item", "/orders/{id}/items/{item}", 0)])

        let found = match(table, "orders/1%2F2/items/a%2520b")

        #expect(found?.0 == "item" && found?.1 == ["id": "1/2", "item": "a%20b"])
        #expect(match(table, "orders/1/items") == nil && match(table, "orders/1/item/2") == nil)
    }

    @Test func `priority wins, then more fixed segments, then the name`() {
        let table = table([
            ("fixed", "/a/b", 0), ("open", "/a/{x}", 0), ("urgent", "/{y}/c", 5), ("b", "/z/{x}", 0),
            ("a", "/z/{y}", 0),
        ])

        #expect(match(table, "a/b")?.0 == "fixed")
        #expect(match(table, "a/q")?.0 == "open")
        #expect(match(table, "a/c")?.0 == "urgent")
        #expect(match(table, "z/1")?.0 == "a")
    }

    @Test func `segments match byte by byte`() {
        let table = table([("orders", "/Orders", 0)])

        #expect(match(table, "orders") == nil && match(table, "Orders")?.0 == "orders")
    }

    @Test(arguments: ["/a", "/a/{id}", "/a/{id}/b/{_x9}", "/a-b.c~d"])
    func `good routes`(pattern: String) { #expect(RoutePattern.fault(in: pattern) == nil) }

    @Test(arguments: [
        "", "a", "/", "/a/", "//a", "/a//b", "/a b", "/a?b", "/a#b", "/a%20", "/{1x}", "/{}", "/x{id}", "/{id}/{id}",
        "/{id",
    ])
    func `bad routes say why`(pattern: String) { #expect(RoutePattern.fault(in: pattern) != nil) }

    @Test func `globs match runs of characters`() {
        #expect(Glob.matches("orders.*", "orders.eu") && !Glob.matches("orders.*", "payments"))
        #expect(Glob.matches("*", "") && Glob.matches("a*b*c", "aXXbYYc") && !Glob.matches("a*b", "abc"))
    }
}
