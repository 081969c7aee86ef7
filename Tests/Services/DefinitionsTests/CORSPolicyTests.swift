import Definitions
import Seeds
import Testing

@Suite struct CORSPolicyTests {
    private func patterns(_ texts: [String]) -> [OriginPattern] { texts.compactMap(OriginPattern.init) }

    private func value(_ name: String, _ headers: CORSPolicy.Headers) -> String? {
        headers.first { $0.0 == "access-control-\(name)" }?.1
    }

    @Test(arguments: [
        ("https://a.example", "https://a.example", true), ("https://A.example", "https://a.Example", true),
        ("https://a.example", "http://a.example", false), ("https://a.example", "https://a.example:8443", false),
        ("https://a.example:8443", "https://a.example:8443", true), ("https://a.example", "https://b.a.example", false),
        ("https://*.a.example", "https://b.a.example", true), ("https://*.a.example", "https://c.b.a.example", true),
        ("https://*.a.example", "https://a.example", false), ("https://*.a.example", "https://evila.example", false),
        ("https://*.a.example", "https://.a.example", false), ("https://*.a.example", "https://*.a.example", false),
        ("https://*.a.example", "https://x/.a.example", false), ("https://*.a.example", "https://x@b.a.example", false),
        ("https://*.a.example", "https://b.a.example.evil.com", false),
        ("http://localhost:*", "http://localhost:3000", true),
        ("http://localhost:*", "http://localhost", true), ("http://localhost:*", "http://localhost:x", false),
        ("http://[::1]:3000", "http://[::1]:3000", true), ("*", "https://anything.example", true), ("*", "null", true),
        ("https://a.example", "null", false), ("https://a.example", "", false),
        ("https://*.a.example", "https://b.a.example\r\nx: y", false),
    ])
    func `origins match as a whole`(pattern: String, origin: String, matches: Bool) {
        #expect(OriginPattern(pattern)?.matches(origin) == matches)
    }

    @Test(arguments: [
        "", "null", "example.com", "https://", "://x", "https://a.example/", "https://a.example/path", "https://*",
        "https://*.", "https://a.*.example", "https://a*.example", "https://a.example:", "https://a.example:123456",
        "https://u@a.example", "https://*.*.example", "https://a b",
    ])
    func `what is no origin is not taken for one`(text: String) { #expect(OriginPattern(text) == nil) }

    /// Laws over chance policies and origins: no grant without a match, never `*` with credentials, caches are told.
    @Test(arguments: 0..<500 as Range<UInt64>)
    func `only who may gets a grant, and caches can tell`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let all = ["https://a.example", "https://*.b.example", "http://localhost:*", "*"]
        let asked = [
            "https://a.example", "https://x.b.example", "https://b.example", "http://localhost:1",
            "https://evil.example",
            "null", "",
        ]
        var texts = all.filter { _ in random.chance(oneIn: 2) }
        if texts.isEmpty { texts = [all[Int.random(in: 0..<4, using: &random)]] }
        let credentials = !texts.contains("*") && random.chance(oneIn: 2)
        let also = random.chance(oneIn: 3) ? ["https://a.example"] : []
        let policy = CORSPolicy(
            origins: patterns(texts), headers: random.chance(oneIn: 2) ? ["*"] : ["X-One"],
            allowsCredentials: credentials, also: also)
        for origin in asked {
            let reply = policy.replyHeaders(to: origin)
            let preflight = policy.preflightHeaders(to: origin, requestedHeaders: "authorization, x-one")
            let may = patterns(texts).contains { $0.matches(origin) } && (also.isEmpty || also.contains(origin))
            let isOpen = texts.contains("*") && also.isEmpty

            #expect(policy.allows(origin) == may)
            #expect((value("allow-origin", reply) != nil) == may && (value("allow-origin", preflight) != nil) == may)
            #expect(value("allow-origin", reply).map { $0 == origin || $0 == "*" && isOpen && !credentials } ?? true)
            #expect((value("allow-credentials", reply) == "true") == (may && credentials))
            #expect(value("allow-origin", reply) != "*" || value("allow-credentials", reply) == nil)
            #expect(isOpen || reply.contains { $0 == ("vary", "origin") })
            #expect(preflight.contains { $0.0 == "vary" && $0.1.hasPrefix("origin") })
            #expect((value("allow-methods", preflight) != nil) == may && (value("expose-headers", reply) != nil) == may)
            #expect((value("allow-headers", preflight) != nil) == may && (value("max-age", preflight) != nil) == may)
        }
        #expect(
            value("allow-origin", policy.replyHeaders(to: nil)) == (texts.contains("*") && also.isEmpty ? "*" : nil))
    }

    @Test func `headers are those listed, or those asked for where any may be sent`() {
        let some = CORSPolicy(origins: patterns(["*"]), headers: ["X-One", "X-Two"])
        let any = CORSPolicy(origins: patterns(["*"]), headers: ["*"])
        func allowed(_ policy: CORSPolicy, _ asked: String?) -> String? {
            value("allow-headers", policy.preflightHeaders(to: "https://a.example", requestedHeaders: asked))
        }

        #expect(allowed(some, "x-three") == "x-one, x-two" && allowed(some, nil) == "x-one, x-two")
        #expect(allowed(any, "authorization,x-three") == "authorization,x-three" && allowed(any, nil) == nil)
        #expect(allowed(any, "x\r\nset-cookie: a") == nil)
    }
}
