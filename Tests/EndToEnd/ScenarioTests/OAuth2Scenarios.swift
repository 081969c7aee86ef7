import Foundation
import Synchronization
import Testing

/// A system that wants access tokens, and the server that gives them.
@Suite struct OAuth2Scenarios {
    /// What the server that gives tokens does, and the one token that is good now.
    private final class Desk: Sendable {
        let good = Mutex("")
        let given = Atomic<Int>(0)
        let secret = Mutex("pass word")

        func answer(_ request: Upstream.Request) -> Upstream.Answer {
            guard request.path == "/token" else {
                let isGood = request.headers["authorization"] == good.withLock { "Bearer \($0)" }
                return isGood ? .reply(status: 200, body: #"{"ok":true}"#) : .reply(status: 401, body: "{}")
            }
            let pair = "client:" + secret.withLock { $0 }.replacing(" ", with: "%20")
            guard request.headers["authorization"] == "Basic " + Data(pair.utf8).base64EncodedString(),
                request.body == "grant_type=client_credentials&scope=read"
            else { return .reply(status: 401, body: #"{"error":"invalid_client"}"#) }
            let token = "token-\(given.add(1, ordering: .relaxed).newValue)"
            good.withLock { $0 = token }
            return .reply(status: 200, body: #"{"access_token":"\#(token)","token_type":"Bearer","expires_in":3600}"#)
        }
    }

    private func connector(
        _ client: Client, _ url: String, secret: String = "pass word", name: String = "up", more: String = ""
    )
        throws -> Client.Reply
    {
        let auth =
            #"{"type":"oauth2","token_url":"\#(url)/token","client_id":"client","client_secret":"\#(secret)","scopes":["read"]}"#
        return try client.call(
            "POST", "\(Client.admin)/connectors",
            #"{"id":"\#(name)","name":"\#(name)","connector_type":"http","config":{"url":"\#(url)/api","auth":\#(auth),"retry":{"max_retries":0}\#(more)}}"#
        )
    }

    private static let call = Client.task("c", "http_call", #"{"connector":"up","output":"data.r"}"#)

    @Test func `a token is fetched by one for all, kept, and fetched anew when it is taken away`() throws {
        let desk = Desk()
        let upstream = try Upstream { desk.answer($0) }
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let made = try connector(client, upstream.url, more: #","allow_private_urls":true"#)
        try client.deploy("out", tasks: Self.call)
        func tokens() -> Int { upstream.requests.count { $0.path == "/token" } }

        let callers = (0..<6).map { _ in Client(weir.port) }
        for caller in callers { _ = caller.write(Client.request("POST", "\(Client.data)/out", "{}")) }
        let statuses = callers.map { $0.read()?.status }
        #expect(made.status == 201 && statuses == Array(repeating: 200, count: 6) && tokens() == 1)

        desk.good.withLock { $0 = "taken away" }
        let again = try client.call("POST", "\(Client.data)/out", "{}")
        #expect(again.status == 200 && tokens() == 2)
        // A reload of something else leaves the token where it is.
        try client.deploy("other", tasks: Self.call)
        #expect(try client.call("POST", "\(Client.data)/other", "{}").status == 200 && tokens() == 2)
        let shown = try client.call("GET", "\(Client.admin)/connectors/up").data
        let auth = (shown["config"] as? [String: Any])?["auth"] as? [String: Any]
        #expect(auth?["client_secret"] as? String == "******" && auth?["client_id"] as? String == "client")
        #expect(auth?["token_url"] as? String == upstream.url + "/token" && auth?["scopes"] as? [String] == ["read"])
        let tested = try client.call("POST", "\(Client.admin)/connectors/up/test").data
        #expect(tested["reachable"] as? Bool == true)
        let metrics = String(decoding: try client.call("GET", "/metrics").body, as: UTF8.self)
        #expect(metrics.contains("weir_oauth_token_requests_total{connector=\"up\",outcome=\"ok\"} 2"))
    }

    @Test func `without a token the call fails and says why, not with what`() throws {
        let desk = Desk()
        let upstream = try Upstream { desk.answer($0) }
        let weir = try RunningWeir()
        let client = Client(weir.port)
        _ = try connector(client, upstream.url, secret: "wrong word", more: #","allow_private_urls":true"#)
        try client.deploy("out", tasks: Self.call)
        let closed = try RunningWeir()
        let guarded = Client(closed.port)
        _ = try connector(guarded, upstream.url)
        try guarded.deploy("out", tasks: Self.call)

        let refused = try (0..<3).map { _ in try client.call("POST", "\(Client.data)/out", "{}") }
        let hits = upstream.requests.count
        let kept = try guarded.call("POST", "\(Client.data)/out", "{}")

        let text = String(decoding: refused[0].body, as: UTF8.self)
        #expect(refused.allSatisfy { $0.status == 500 && $0.code == "ENGINE_ERROR" })
        #expect(text.contains("invalid_client") && !text.contains("wrong"))
        #expect(hits == 1)  // a no stands for a while
        #expect(kept.status == 500 && String(decoding: kept.body, as: UTF8.self).contains("token URL"))
        #expect(upstream.requests.count == hits)
    }

    @Test func `an authorisation server that hangs does not hold a call past its time`() throws {
        let upstream = try Upstream { $0.path == "/token" ? .silence : .reply(status: 200, body: "{}") }
        let weir = try RunningWeir()
        let client = Client(weir.port)
        _ = try connector(client, upstream.url, more: #","allow_private_urls":true"#)
        try client.deploy("out", tasks: Self.call, channel: #","config":{"timeout_ms":300}"#)

        let began = Date()
        let reply = try client.call("POST", "\(Client.data)/out", "{}")

        #expect(reply.status == 504 && Date().timeIntervalSince(began) < 5)
    }
}
