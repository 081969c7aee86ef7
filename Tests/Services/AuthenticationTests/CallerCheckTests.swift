import Authentication
import Crypto
import JSONTree
import Testing

@Suite struct CallerCheckTests {
    private func accepts(
        _ check: any CallerChecking, _ headers: [String: String], body: String = "", at seconds: Int64 = 1000
    ) -> Bool {
        Array(body.utf8).withUnsafeBytes { bytes in
            let evidence = CallerEvidence(
                header: { headers[$0] }, body: bytes, unixSeconds: seconds, nanoseconds: 0, arena: JSONArena())
            if case .accepted = check.judge(evidence) { return true }
            return false
        }
    }

    private func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private func sign(_ text: String, _ secret: String) -> String {
        hex(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: SymmetricKey(data: Array(secret.utf8))))
    }

    @Test func `a key is taken behind its scheme, plain or hashed, and nothing else is`() {
        let hashed = "sha256:" + hex(SHA256.hash(data: Array("two".utf8)))
        let check = KeyCheck(keys: ["one", hashed], header: "Authorization", scheme: "Bearer")

        #expect(accepts(check, ["authorization": "Bearer one"]) && accepts(check, ["authorization": "bearer two"]))
        for wrong in ["Bearer three", "one", "Bearer", "Basic one", "Bearer \(hashed)", ""] {
            #expect(!accepts(check, ["authorization": wrong]), "\(wrong)")
        }
        #expect(!accepts(check, [:]))
        #expect(accepts(KeyCheck(keys: ["k"], header: "X-Key", scheme: ""), ["x-key": "k"]))
    }

    /// The example of GitHub's own documentation.
    @Test func `a signature as GitHub sends it`() throws {
        var check = try #require(SignatureCheck(preset: "github"))
        check.secrets = ["old", "It's a Secret to Everybody"]
        let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

        #expect(accepts(check, ["x-hub-signature-256": signature], body: "Hello, World!"))
        #expect(!accepts(check, ["x-hub-signature-256": signature], body: "Hello, World?"))
        #expect(!accepts(check, ["x-hub-signature-256": String(signature.dropFirst(7))], body: "Hello, World!"))
        #expect(!accepts(check, [:], body: "Hello, World!"))
    }

    /// The example of Slack's own documentation, at its time.
    @Test func `a signature as Slack sends it, while it is fresh`() throws {
        var check = try #require(SignatureCheck(preset: "slack"))
        check.secrets = ["8f742231b10e8888abcd99yyyzzz85a5"]
        let body =
            "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
        let headers = [
            "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
            "x-slack-request-timestamp": "1531420618",
        ]

        #expect(accepts(check, headers, body: body, at: 1_531_420_700))
        #expect(!accepts(check, headers, body: body, at: 1_531_420_618 + 301))
        #expect(!accepts(check, headers, body: body, at: 1_531_420_618 - 301))
    }

    @Test func `a signature as Stripe sends it, any of several`() throws {
        var check = try #require(SignatureCheck(preset: "stripe"))
        check.secrets = ["whsec"]
        let good = sign("1000.{}", "whsec")

        #expect(accepts(check, ["stripe-signature": "t=1000,v1=00ff,v1=\(good),v0=aa"], body: "{}"))
        #expect(!accepts(check, ["stripe-signature": "t=1001,v1=\(good)"], body: "{}"))
        #expect(!accepts(check, ["stripe-signature": "v1=\(good)"], body: "{}"))
        #expect(!accepts(check, ["stripe-signature": "t=1000,v0=\(good)"], body: "{}"))
    }

    @Test func `signatures are read in hex, base64 and base64url, and nonsense is none`() throws {
        var check = SignatureCheck()
        check.secrets = ["s"]
        let code = Array(
            HMAC<SHA256>.authenticationCode(for: Array("b".utf8), using: SymmetricKey(data: Array("s".utf8))))

        #expect(accepts(check, ["x-signature": hex(code)], body: "b"))
        #expect(accepts(check, ["x-signature": hex(code).uppercased()], body: "b"))
        check.encoding = .base64
        #expect(!accepts(check, ["x-signature": hex(code)], body: "b"))
        for text in ["", "=", "zz", "+1", "é", String(repeating: "0", count: 64)] {
            check.encoding = .auto
            #expect(!accepts(check, ["x-signature": text], body: "b"), "\(text)")
        }
    }
}
