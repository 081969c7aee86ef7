import Seeds
import Testing

@testable import HTTPAPI

@Suite struct ClientAddressTests {
    private let addresses = ClientAddress(trustedProxies: ["10.0.0.0/8", "192.168.1.7", "2001:db8::/32"])

    private func client(_ peer: String, _ forwarded: [String] = [], real: String? = nil) -> String {
        addresses.client(peer: peer, forwardedFor: forwarded, realAddress: real)
    }

    @Test func `nobody but a proxy is believed`() {
        #expect(client("203.0.113.9", ["1.2.3.4"], real: "1.2.3.4") == "203.0.113.9")
        #expect(client("192.168.1.8", ["1.2.3.4"]) == "192.168.1.8")
        #expect(
            ClientAddress(trustedProxies: []).client(peer: "10.0.0.1", forwardedFor: ["1.2.3.4"], realAddress: nil)
                == "10.0.0.1")
    }

    @Test(arguments: [
        (["1.2.3.4"], "1.2.3.4"), (["6.6.6.6, 1.2.3.4"], "1.2.3.4"), (["6.6.6.6, 1.2.3.4, 10.9.9.9"], "1.2.3.4"),
        // A line the client wrote, and one the proxy added.
        (["6.6.6.6"], "6.6.6.6"), (["6.6.6.6", "1.2.3.4"], "1.2.3.4"), (["1.2.3.4:5555"], "1.2.3.4"),
        (["[2001:db9::1]:443"], "2001:db9::1"), (["2001:DB9:0::1"], "2001:db9::1"), (["::ffff:1.2.3.4"], "1.2.3.4"),
        // What is no address ends what can be believed: the proxy that wrote the rest stands for it.
        (["1.2.3.4, unknown"], "10.0.0.1"), (["1.2.3.4, nonsense, 10.2.2.2"], "10.2.2.2"), ([""], "10.0.0.1"),
        (["10.1.1.1, 10.2.2.2"], "10.1.1.1"), ([String(repeating: "1.1.1.1,", count: 1000) + "1.2.3.4"], "1.2.3.4"),
    ])
    func `the right-most hop that is no proxy is the client`(forwarded: [String], expected: String) {
        #expect(client("10.0.0.1", forwarded) == expected)
    }

    @Test func `the other header counts where there is no list`() {
        #expect(client("10.0.0.1", real: "1.2.3.4") == "1.2.3.4")
        #expect(client("10.0.0.1", ["5.6.7.8"], real: "1.2.3.4") == "5.6.7.8")
        #expect(client("10.0.0.1", real: "nobody") == "10.0.0.1")
    }

    /// Whatever a client writes, it stands left of what our proxy adds.
    @Test(arguments: 0..<300 as Range<UInt64>)
    func `no header of a client changes who it is`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let pieces = ["1.1.1.1", "10.0.0.3", "::1", ",", " ", "[", "]", ":", "x", "\"", "2001:db8::5", "%", "/8"]
        let made = (0..<Int.random(in: 0...12, using: &random)).map { _ in
            pieces[Int.random(in: 0..<pieces.count, using: &random)]
        }.joined()
        let isOneLine = random.chance(oneIn: 2)

        let forwarded = isOneLine ? ["\(made), 203.0.113.5"] : [made, "203.0.113.5"]

        #expect(client("10.0.0.1", forwarded) == "203.0.113.5", "\(forwarded)")
    }

    @Test func `a range covers what begins like it, bit by bit`() throws {
        for bits in 0...32 {
            let block = try #require(AddressBlock("170.170.170.170/\(bits)"))
            for flipped in 0..<32 {
                let value = UInt32(0xAAAA_AAAA) ^ (1 << (31 - UInt32(flipped)))
                let text = (0..<4).map { String(value >> (24 - 8 * UInt32($0)) & 255) }.joined(separator: ".")
                let address = try #require(NetworkAddress(text))
                #expect(block.contains(address) == (flipped >= bits), "\(text)/\(bits)")
            }
        }
        #expect(AddressBlock("10.0.0.0/8")?.contains(try #require(NetworkAddress("2001:db8::1"))) == false)
    }

    @Test(arguments: ["", "x", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "1.2.3", "2001:db8::/129", "10.0.0.0/8/8"])
    func `what is no range is said`(text: String) { #expect(ClientAddress.fault(in: ["10.0.0.1", text]) != nil) }

    @Test func `proxies are known in every way of writing them`() {
        #expect(
            addresses.isProxy("10.1.2.3") && addresses.isProxy("::ffff:10.1.2.3") && addresses.isProxy("2001:db8::9"))
        #expect(!addresses.isProxy("11.0.0.1") && !addresses.isProxy("unknown"))
    }
}
