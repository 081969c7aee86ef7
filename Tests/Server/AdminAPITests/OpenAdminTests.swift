import Testing

@testable import AdminAPI

@Suite struct OpenAdminTests {
    private func isLetIn(_ headers: [(String, String)]) -> Bool {
        let request = AdminRequest(
            method: "POST", path: "/", query: nil, headers: headers, body: [], client: "127.0.0.1", requestID: "r")
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

    @Test func `an origin of the settings is let in, with our own name only`() {
        #expect(isLetIn([("host", "localhost"), ("origin", "https://console.example")]))
        #expect(!isLetIn([("host", "rebound.example"), ("origin", "https://console.example")]))
    }
}
