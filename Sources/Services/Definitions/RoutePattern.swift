/// The grammar of routes: `/orders/{id}/items`.
package enum RoutePattern {
    /// - Returns: what is wrong with it, or `nil`.
    package static func fault(in pattern: String) -> String? {
        guard pattern.hasPrefix("/"), pattern.utf8.count > 1 else {
            return "A route begins with `/` and names something."
        }
        if pattern.hasSuffix("/") { return "A route does not end in `/`." }
        if pattern.contains(where: { $0.isWhitespace || $0 == "?" || $0 == "#" || $0 == "%" }) {
            return "A route has no white space and none of `?`, `#`, `%`."
        }
        var names: Set<Substring> = []
        for segment in pattern.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            if segment.isEmpty { return "A route has no empty segment." }
            guard segment.contains("{") || segment.contains("}") else { continue }
            let name = segment.dropFirst().dropLast()
            guard segment.hasPrefix("{"), segment.hasSuffix("}"), isName(name) else {
                return "A parameter is a whole segment such as `{id}`."
            }
            guard names.insert(name).inserted else { return "The parameter `\(name)` stands twice." }
        }
        return nil
    }

    private static func isName(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, !(48...57).contains(first) else { return false }
        return text.utf8.allSatisfy {
            (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 95
        }
    }
}
