/// Shows where a server is, and not how one gets in.
enum URLSecrets {
    private static let mask = "******"

    /// Whether a setting is such a URL.
    static func isMeant(by setting: String) -> Bool { setting == "storage.url" || setting == "shared_state.url" }

    /// The URL without its password, and without the values of parameters that have one.
    static func hidden(_ url: String) -> String {
        guard let scheme = url.firstRange(of: "://") else { return url }
        let rest = url[scheme.upperBound...]
        let question = rest.firstIndex(of: "?") ?? rest.endIndex
        var place = String(rest[..<question])
        // A password may hold what should have been encoded: everything up to the last @ may be a part of it.
        if let at = place.lastIndex(of: "@") {
            let user = place[..<at].prefix { $0 != ":" }
            if user.endIndex != at { place = "\(user):\(mask)\(place[at...])" }
        }
        let parameters = rest[question...].dropFirst().split(separator: "&", omittingEmptySubsequences: false).map {
            pair in
            let name = pair.prefix { $0 != "=" }
            return name.lowercased().contains("password") ? "\(name)=\(mask)" : String(pair)
        }
        return url[..<scheme.upperBound] + place
            + (question == rest.endIndex ? "" : "?" + parameters.joined(separator: "&"))
    }
}
