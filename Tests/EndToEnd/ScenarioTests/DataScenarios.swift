import Foundation
import Testing

@Suite struct DataScenarios {
    /// Tasks that keep a worker busy for some hundred milliseconds.
    static let busy = (
        tasks: Client.map(
            "m", "temp_data.x",
            #"{"reduce":[{"var":"data.list"},{"+":[{"var":"accumulator"},{"abs":{"var":"current"}}]},0]}"#),
        loop: ",\"loop\":{\"max\":10000,\"counter\":\"i\",\"setup\":["
            + Client.map("list", "data.list", "[" + (0..<200).map(String.init).joined(separator: ",") + "]") + "]}"
    )

    @Test func `conditions, groups, halts and errors do what they say`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let group =
            "{\"id\":\"g\",\"condition\":{\"var\":\"data.in.deep\"},\"tasks\":[\(Client.map("inner", "data.inner", "1"))]}"
        let rule = #"{"rules":[{"logic":{">":[{"var":"data.in.n"},0]},"message":"n must be above 0"}]}"#
        try client.deploy(
            "flow",
            tasks: [
                Client.parse, group, Client.task("check", "validation", rule),
                Client.map("after", "data.after", "true"),
            ].joined(separator: ","))
        try client.deploy(
            "strict",
            tasks: [
                Client.parse, Client.task("check", "validation", rule, more: ",\"halt_on\":\"failure\""),
                Client.map("after", "data.after", "true"),
            ].joined(separator: ","))
        let fails = Client.map("bad", "data.x", #"{"/":[1,0]}"#)
        try client.deploy("fails", tasks: fails)
        try client.deploy(
            "goes-on", tasks: fails + "," + Client.map("after", "data.after", "true"),
            more: ",\"continue_on_error\":true")
        try client.deploy("enveloped", tasks: fails, channel: #","config":{"response":{"mode":"enveloped"}}"#)

        let good = try client.call("POST", "\(Client.data)/flow", #"{"n":1,"deep":true}"#)
        #expect(good.data["inner"] as? Int == 1 && (good.object["errors"] as? [Any])?.isEmpty == true)
        let bad = try client.call("POST", "\(Client.data)/flow", #"{"n":0}"#)
        #expect(bad.status == 200 && bad.data["inner"] == nil && bad.data["after"] as? Bool == true)
        #expect(((bad.object["errors"] as? [[String: Any]])?[0]["message"] as? String) == "n must be above 0")
        let halted = try client.call("POST", "\(Client.data)/strict", #"{"n":0}"#)
        #expect(halted.status == 400 && halted.code == "VALIDATION_ERROR")
        let failed = try client.call("POST", "\(Client.data)/fails", "{}")
        #expect(failed.status == 500 && failed.code == "ENGINE_ERROR")
        let continued = try client.call("POST", "\(Client.data)/goes-on", "{}")
        #expect(continued.status == 200 && continued.data["after"] as? Bool == true)
        let enveloped = try client.call("POST", "\(Client.data)/enveloped", "{}")
        #expect(enveloped.status == 200 && (enveloped.object["errors"] as? [Any])?.count == 1)
    }

    @Test func `loops and for_each are bounded and collect`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try client.deploy(
            "loop", tasks: Client.map("m", "data.sum", #"{"+":[{"var":["data.sum",0]},{"var":"temp_data.i"}]}"#),
            more: ",\"loop\":{\"max\":5,\"counter\":\"i\",\"init\":1}")
        try client.deploy(
            "each",
            tasks: Client.parse + ","
                + Client.map(
                    "m", "temp_data.twice", #"{"*":[{"var":"temp_data.item"},2]}"#,
                    more:
                        #","for_each":{"over":{"var":"data.in"},"as":"item","collect":{"var":"temp_data.twice"},"into":"data.out"}"#
                ))

        #expect(try client.call("POST", "\(Client.data)/loop", "{}").data["sum"] as? Int == 15)
        #expect(try client.call("POST", "\(Client.data)/each", "[1,2,3]").data["out"] as? [Int] == [2, 4, 6])
        let tooMany =
            "{\"name\":\"x\",\"tasks\":[\(Client.map("m", "data.x", "1"))],\"loop\":{\"max\":10001,\"counter\":\"i\"}}"
        #expect(try client.call("POST", "\(Client.admin)/workflows", tooMany).status == 400)
    }

    @Test func `channels call one another, but not in a circle`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try client.deploy("inner", tasks: Client.parse + "," + Client.map("m", "data.got", #"{"var":"data.in.x"}"#))
        try client.deploy(
            "outer",
            tasks: Client.task("c", "channel_call", #"{"channel":"inner","data":{"x":7},"output":"data.inner"}"#))
        try client.deploy("a", tasks: Client.task("c", "channel_call", #"{"channel":"b"}"#))
        try client.deploy("b", tasks: Client.task("c", "channel_call", #"{"channel":"a"}"#))

        let reply = try client.call("POST", "\(Client.data)/outer", "{}")
        #expect((reply.data["inner"] as? [String: Any])?["got"] as? Int == 7)
        let circle = try client.call("POST", "\(Client.data)/a", "{}")
        #expect(circle.status == 500 && circle.code == "ENGINE_ERROR")
    }

    @Test func `the workflow may set status, headers and body`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try client.deploy(
            "shaped",
            tasks: Client.task(
                "m", "map",
                #"{"templating":true,"mappings":[{"path":"data._weir.response","logic":{"status":201,"headers":{"location":"/x","set-cookie":"no"},"body":{"made":true}}}]}"#
            ),
            channel: #","config":{"response":{"mode":"shaped"}}"#)

        let reply = try client.call("POST", "\(Client.data)/shaped", "{}")

        #expect(reply.status == 201 && reply.header("location") == "/x" && reply.header("set-cookie") == nil)
        #expect(String(decoding: reply.body, as: UTF8.self) == #"{"made":true}"#)
    }

    @Test func `guards refuse what they should and nothing else`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let task = Client.map("m", "data.x", "1")
        try client.deploy(
            "limited", tasks: task,
            channel:
                #","config":{"rate_limit":{"requests_per_second":1,"burst":1,"key_logic":{"var":"headers.x-user"}}}"#)
        try client.deploy(
            "checked", tasks: task, channel: #","config":{"validation_logic":{"==":[{"var":"data.ok"},true]}}"#)
        try client.deploy(
            "slow", tasks: Self.busy.tasks, more: Self.busy.loop, channel: #","config":{"timeout_ms":20}"#)

        #expect(
            try client.call("POST", "\(Client.data)/limited", "{}", headers: ["X-User: a"]).header("ratelimit-limit")
                == "1")
        let refused = try client.call("POST", "\(Client.data)/limited", "{}", headers: ["X-User: a"])
        #expect(
            refused.status == 429 && refused.code == "RATE_LIMITED" && Int(refused.header("retry-after") ?? "") == 1)
        #expect(try client.call("POST", "\(Client.data)/limited/async", "{}", headers: ["X-User: a"]).status == 429)
        #expect(try client.call("POST", "\(Client.data)/limited", "{}", headers: ["X-User: b"]).status == 200)
        #expect(try client.call("POST", "\(Client.data)/limited", "{}").status == 429)
        #expect(try client.call("POST", "\(Client.data)/checked", #"{"ok":true}"#).status == 200)
        #expect(try client.call("POST", "\(Client.data)/checked/async", #"{"ok":false}"#).status == 400)
        let slow = try client.call("POST", "\(Client.data)/slow", "{}")
        #expect(slow.status == 504 && slow.code == "TIMEOUT")
    }

    @Test func `a channel at capacity sheds at once and leaves others alone`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try client.deploy(
            "narrow", tasks: Self.busy.tasks, more: Self.busy.loop,
            channel: #","config":{"backpressure":{"max_concurrent":1}}"#)
        try client.deploy("other", tasks: Client.map("m", "data.x", "1"))

        let callers = (0..<4).map { _ in Client(weir.port) }
        for caller in callers { #expect(caller.write(Client.request("POST", "\(Client.data)/narrow", "{}"))) }
        #expect(try client.call("POST", "\(Client.data)/other", "{}").status == 200)
        let replies = callers.compactMap { $0.read() }

        #expect(replies.count { $0.status == 200 } >= 1)
        #expect(replies.count { $0.status == 503 && $0.code == "SERVICE_UNAVAILABLE" } >= 1)
        #expect(try client.call("POST", "\(Client.data)/narrow", "{}").status == 200)
    }

    @Test func `bodies that are too large, compressed or of another kind are told apart`() throws {
        let weir = try RunningWeir(["ingest.max_payload_size=2048"])
        let client = Client(weir.port)
        try client.deploy("echo", tasks: Client.parse)
        let long = "{\"x\":\"" + String(repeating: "a", count: 1500) + "\"}"

        #expect(
            try Client(weir.port).call("POST", "\(Client.data)/echo", "\"" + String(repeating: "a", count: 4000) + "\"")
                .code == "PAYLOAD_TOO_LARGE")
        let packed = try client.call("POST", "\(Client.data)/echo", long, headers: ["Accept-Encoding: gzip"])
        #expect(packed.header("content-encoding") == "gzip" && packed.body.count < 500)
        let text = Client(weir.port)
        #expect(
            text.write(
                Array(
                    "POST \(Client.data)/echo HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"
                        .utf8)))
        #expect(text.read()?.code == "UNSUPPORTED_MEDIA_TYPE")
        let chunked = Client(weir.port)
        #expect(
            chunked.write(
                Array(
                    "POST \(Client.data)/echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n"
                        .utf8)))
        #expect((chunked.read()?.data["in"] as? [String: Any])?["a"] as? Int == 1)
    }
}
