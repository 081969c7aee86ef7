import Outbound
import Testing

@testable import OutboundHTTPClient

@Suite struct TargetTests {
    @Test func `a host has one spelling, which is the one that is called`() throws {
        #expect(try Target("https://ReBind.Example:8443/A?b=C#d").url == "https://rebind.example:8443/A?b=C")
        #expect(try Target("HTTP://[::1]").url == "http://[::1]:80/")
    }

    @Test(arguments: [
        "http://a%62c/", "http://exämple/", "http://a\\b/", "http://u@h/", "http://:1/", "ftp://h/", "http://h:0/",
    ])
    func `what is no plain host is refused`(url: String) {
        #expect(throws: OutboundFailure.self) { try Target(url) }
    }
}
