import Testing

@testable import AdminAPI

@Suite struct OpenAdminTests {
    private func isLetIn(_ headers: [(String, String)], from client: String = "127.0.0.1") -> Bool {
        let request = AdminRequest(
            method: "POST", path: "/", query: nil, headers: headers, body: [], client: client, requestID: "r")
        return (try? OpenAdmin.check(request) { $0 == "https://console.example" }) != nil
    }

    @Test(arguments: ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "127.8.9.1", "[::1]:8080", "weir.localhost:80"])
    func `this machine's names are let in`(host: String) {
        #expect(isLetIn([("host", host)]))
        #expect(isLetIn([("host", "localhost"), ("origin", "http://\(host)")]))
    }

    @Test(arguments: [
        "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0", "127.0.0.256", "10.0.0.1", "",
        "[::2]", "null",
    ])
    func `a name led here, and a page of another site, are not`(host: String) {
        #expect(!isLetIn([("host", host)]))
        #expect(!isLetIn([("host", "localhost"), ("origin", host.isEmpty ? "null" : "https://\(host)")]))
    }

    /// Behind a proxy on this machine that is trusted, the client is who it names.
    @Test func `who is elsewhere is not, whatever it calls us`() {
        #expect(!isLetIn([("host", "localhost")], from: "192.0.2.2"))
        #expect(!isLetIn([("host", "localhost")], from: "::ffff:192.0.2.2"))
        #expect(isLetIn([("host", "localhost")], from: "::1"))
    }

    @Test(arguments: [
        ("x-forwarded-for", "192.0.2.2"), ("x-forwarded-for", "127.0.0.1, 192.0.2.2"), ("x-real-ip", "2001:db8::1"),
        ("forwarded", "for=192.0.2.2"),
    ])
    func `who comes through a proxy that is not trusted is not`(name: String, value: String) {
        #expect(!isLetIn([("host", "localhost"), (name, value)]))
    }

    @Test func `this machine through its own proxy is`() {
        #expect(isLetIn([("host", "localhost"), ("x-forwarded-for", "127.0.0.1, ::1")]))
    }

    @Test func `an origin of the settings is let in, with our own name only`() {
        #expect(isLetIn([("host", "localhost"), ("origin", "https://console.example")]))
        #expect(!isLetIn([("host", "rebound.example"), ("origin", "https://console.example")]))
    }
}
