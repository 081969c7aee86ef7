import Foundation
import Testing

@Suite struct DefinitionScenarios {
    @Test func `a service goes live over the API and answers`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try client.deploy(
            "greet",
            tasks: Client.parse + "," + Client.map("say", "data.hello", #"{"cat":["Hi ",{"var":"data.in.who"}]}"#),
            channel: ",\"methods\":[\"POST\"],\"route_pattern\":\"/hello/{name}\"")

        let reply = try client.call("POST", "\(Client.data)/greet", #"{"data":{"who":"Ada"}}"#)

        #expect(reply.status == 200)
        #expect(reply.data["hello"] as? String == "Hi Ada")
        #expect(reply.object["status"] as? String == "ok")
        #expect(reply.header("x-request-id")?.count == 36)
        #expect(try client.call("POST", "\(Client.data)/hello/x", #"{"who":"Bo"}"#).data["hello"] as? String == "Hi Bo")
        #expect(try client.call("GET", "\(Client.data)/greet").status == 405)
        #expect(try client.call("POST", "\(Client.data)/nobody", "{}").status == 404)
        #expect(try client.call("POST", "\(Client.data)/async", "{}").status == 400)
        #expect(try client.call("POST", "\(Client.data)/greet", "{").status == 400)
    }

    @Test func `versions live and die as the lifecycle says`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let path = "\(Client.admin)/workflows"
        let body = "{\"workflow_id\":\"w\",\"name\":\"w\",\"tasks\":[\(Client.map("m", "data.v", "1"))]}"

        let created = try client.call("POST", path, body)
        #expect(
            created.status == 201 && created.data["version"] as? Int == 1
                && created.data["status"] as? String == "draft")
        #expect(try client.call("POST", path, body).status == 409)
        #expect(try client.call("PUT", "\(path)/w", #"{"name":"w2","tags":["t"]}"#).data["name"] as? String == "w2")
        #expect(try client.call("PATCH", "\(path)/w/status", #"{"status":"bogus"}"#).status == 400)
        #expect(try client.call("PATCH", "\(path)/w/status", #"{"status":"active"}"#).status == 200)
        #expect(try client.call("PATCH", "\(path)/w/status", #"{"status":"active"}"#).status == 400)
        #expect(try client.call("PUT", "\(path)/w", #"{"name":"w3"}"#).status == 400)
        #expect(try client.call("POST", "\(path)/w/versions").status == 201)
        #expect(try client.call("POST", "\(path)/w/versions").status == 409)
        #expect(try client.call("PATCH", "\(path)/w/status", #"{"status":"active"}"#).status == 200)
        let versions = try client.call("GET", "\(path)/w/versions?limit=1&offset=1")
        #expect(versions.object["total"] as? Int == 2 && versions.object["limit"] as? Int == 1)
        #expect((versions.object["data"] as? [[String: Any]])?.first?["status"] as? String == "archived")
        #expect(try client.call("POST", "\(path)/w/rollback", #"{"version":1}"#).data["version"] as? Int == 3)
        #expect(try client.call("GET", "\(path)?tag=t").object["total"] as? Int == 1)
        #expect(try client.call("GET", "\(path)?tag=%27%20OR%201%3D1").object["total"] as? Int == 0)
        #expect(try client.call("PATCH", "\(path)/w/status", #"{"status":"archived"}"#).status == 200)
        #expect(try client.call("PATCH", "\(path)/w/status", #"{"status":"archived"}"#).status == 400)
        #expect(try client.call("DELETE", "\(path)/w").status == 204)
        #expect(try client.call("GET", "\(path)/w").code == "NOT_FOUND")
        let audit = try client.call("GET", "\(Client.admin)/audit-logs?resource_id=w")
        #expect((audit.object["pagination"] as? [String: Any])?["total"] as? Int == 8)
    }

    @Test func `an edit of something that has changed since is refused`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let path = "\(Client.admin)/workflows"
        let created = try client.call(
            "POST", path, "{\"workflow_id\":\"w\",\"name\":\"w\",\"tasks\":[\(Client.map("m", "data.v", "1"))]}")
        let tag = try #require(created.header("etag"))

        #expect(try client.call("PUT", "\(path)/w", #"{"name":"b"}"#, headers: ["If-Match: \(tag)"]).status == 200)
        #expect(try client.call("PUT", "\(path)/w", #"{"name":"c"}"#, headers: ["If-Match: \(tag)"]).status == 412)
    }

    @Test func `a rollout really splits the traffic`() throws {
        let weir = try RunningWeir(["engine.rollout_sticky_header=x-user"])
        let client = Client(weir.port)
        try client.deploy("w", tasks: Client.map("m", "data.v", "1"))
        _ = try client.call("POST", "\(Client.admin)/workflows/w/versions")
        _ = try client.call("PUT", "\(Client.admin)/workflows/w", "{\"tasks\":[\(Client.map("m", "data.v", "2"))]}")
        #expect(
            try client.call(
                "PATCH", "\(Client.admin)/workflows/w/status", #"{"status":"active","rollout_percentage":20}"#
            ).status == 200)

        var newer = 0
        for _ in 0..<1000 { newer += try client.call("POST", "\(Client.data)/w", "{}").data["v"] as? Int == 2 ? 1 : 0 }
        #expect((150...250).contains(newer))
        let one = try client.call("POST", "\(Client.data)/w", "{}", headers: ["X-User: ada"]).data["v"] as? Int
        for _ in 0..<20 {
            #expect(
                try client.call("POST", "\(Client.data)/w", "{}", headers: ["X-User: ada"]).data["v"] as? Int == one)
        }
        #expect(
            try client.call("PATCH", "\(Client.admin)/workflows/w/rollout", #"{"rollout_percentage":100}"#).status
                == 200)
        #expect(
            try client.call("PATCH", "\(Client.admin)/workflows/w/rollout", #"{"rollout_percentage":50}"#).status == 400
        )
        #expect(
            try client.call("PATCH", "\(Client.admin)/workflows/w/rollout", #"{"rollout_percentage":0}"#).status == 400)
    }

    @Test func `what is wrong with a definition is named by its field`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)

        func paths(_ kind: String, _ body: String) throws -> [String] {
            let reply = try client.call("POST", "\(Client.admin)/\(kind)", body)
            #expect(reply.status == 400)
            let details = (reply.object["error"] as? [String: Any])?["details"] as? [[String: Any]] ?? []
            return details.compactMap { $0["path"] as? String }
        }

        #expect(try paths("workflows", #"{"name":"","tasks":[]}"#) == ["name", "tasks"])
        #expect(
            try paths(
                "workflows",
                "{\"name\":\"w\",\"tasks\":[\(Client.task("a", "mpa", "{}")),\(Client.map("a", "x", "1"))]}")
                == ["tasks[0].function.name", "tasks[1].id", "tasks[1].function.input.mappings[0].path"])
        #expect(
            try paths(
                "workflows", "{\"name\":\"w\",\"tsks\":1,\"tasks\":[\(Client.map("a", "data.x", #"{"catt":[1]}"#))]}")
                == ["tsks", "tasks[0].function.input.mappings[0].logic"])
        #expect(try paths("channels", #"{"name":"c","channel_type":"sync","protocol":"grpc"}"#) == ["protocol"])
        #expect(
            try paths(
                "channels",
                #"{"name":"c","channel_type":"sync","protocol":"rest","methods":["GET"],"route_pattern":"/a/{b}/{b}"}"#)
                == ["route_pattern"])
        #expect(
            try paths("channels", #"{"name":"c","channel_type":"sync","protocol":"rest","config":{"rate_limt":{}}}"#)
                == ["config.rate_limt"])
        let dry = try client.call("POST", "\(Client.admin)/workflows/validate", #"{"name":"w","tasks":[]}"#)
        #expect(dry.status == 200 && dry.data["valid"] as? Bool == false)
    }

    @Test func `what is exported can be imported`() throws {
        let weir = try RunningWeir()
        let other = try RunningWeir()
        let client = Client(weir.port)
        try client.deploy("w", tasks: Client.map("m", "data.v", "\"zwölf 👋\""))
        let exported = try client.call("GET", "\(Client.admin)/workflows/export")
        // As text: another JSON library would write the members in another order.
        let text = String(decoding: exported.body, as: UTF8.self)
        let items = text.dropFirst("{\"data\":[".count).dropLast(2)
        let broken = "[{\"name\":\"\"},\(items)]"

        let imported = try Client(other.port).call("POST", "\(Client.admin)/workflows/import", broken)

        #expect(
            imported.status == 200 && imported.data["imported"] as? Int == 1 && imported.data["failed"] as? Int == 1)
        let again = try Client(other.port).call("GET", "\(Client.admin)/workflows/w")
        #expect(
            again.data["content_hash"] as? String == (exported.object["data"] as? [[String: Any]])?[0]["content_hash"]
                as? String)
    }

    @Test func `a query that would be passed over is refused by name`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        for (query, name) in [
            ("limits=5", "limits"), ("limit=abc", "limit"), ("limit=-1", "limit"), ("offset=1e3", "offset"),
            ("sort_order=up", "sort_order"), ("limit=5&status=draft&page=2", "page"),
        ] {
            let reply = try client.call("GET", "\(Client.admin)/workflows?\(query)")
            let error = reply.object["error"] as? [String: Any]
            let details = error?["details"] as? [[String: Any]]
            #expect(reply.status == 400 && details?.first?["path"] as? String == name, "\(query): \(reply)")
        }
        let reply = try client.call("POST", "\(Client.admin)/workflows/import?dry_run=yes", "[]")
        #expect(reply.status == 400, "\(reply)")
    }
}
