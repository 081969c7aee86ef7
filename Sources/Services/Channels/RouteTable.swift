/// Finds the channel a path belongs to. Built once for a snapshot; looking up takes no lock and builds no pattern.
///
/// Among the routes that match, the higher priority wins, then the one with more fixed segments, then the name that
/// sorts first. Segments match byte by byte; a parameter takes one whole segment, percent-decoded once.
package struct RouteTable<Target: Sendable>: Sendable {
    package struct Route: Sendable {
        package var name: String
        package var pattern: [Segment]
        package var priority: Int
        package var target: Target

        package init(name: String, pattern: [Segment], priority: Int, target: Target) {
            self.name = name
            self.pattern = pattern
            self.priority = priority
            self.target = target
        }

        fileprivate var fixedSegments: Int { pattern.count { if case .fixed = $0 { true } else { false } } }
    }

    package enum Segment: Sendable, Equatable {
        case fixed(String)
        case parameter(String)
    }

    package struct Match {
        package var target: Target
        package var parameters: [(name: String, value: String)]
    }

    /// Routes by their number of segments, best first.
    private var byLength: [Int: [Route]] = [:]

    package init(_ routes: [Route]) {
        let ranked = routes.sorted { left, right in
            (-left.priority, -left.fixedSegments, left.name) < (-right.priority, -right.fixedSegments, right.name)
        }
        for route in ranked { byLength[route.pattern.count, default: []].append(route) }
    }

    /// Splits `/orders/{id}` into segments; the grammar was checked when the definition was saved.
    package static func segments(of pattern: String) -> [Segment] {
        pattern.split(separator: "/").map { part in
            part.hasPrefix("{") && part.hasSuffix("}")
                ? .parameter(String(part.dropFirst().dropLast())) : .fixed(String(part))
        }
    }

    /// - Parameter accepts: whether a route that matches the path may be taken; the search goes on where it may not.
    package func match(_ segments: [Substring.UTF8View], where accepts: (Target) -> Bool) -> Match? {
        guard let routes = byLength[segments.count] else { return nil }
        for route in routes where Self.matches(route.pattern, segments) && accepts(route.target) {
            return Match(target: route.target, parameters: Self.parameters(route.pattern, segments))
        }
        return nil
    }

    private static func matches(_ pattern: [Segment], _ segments: [Substring.UTF8View]) -> Bool {
        for (part, segment) in zip(pattern, segments) {
            if case .fixed(let text) = part, !text.utf8.elementsEqual(segment) { return false }
        }
        return true
    }

    private static func parameters(
        _ pattern: [Segment], _ segments: [Substring.UTF8View]
    ) -> [(name: String, value: String)] {
        var found: [(name: String, value: String)] = []
        for (part, segment) in zip(pattern, segments) {
            if case .parameter(let name) = part { found.append((name, PercentCoding.decode(segment) ?? "")) }
        }
        return found
    }
}
