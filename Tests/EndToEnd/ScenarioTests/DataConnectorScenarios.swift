import Foundation
import Testing

/// Databases and caches, through their connectors.
@Suite struct DataConnectorScenarios {
    private static let connectors = "\(Client.admin)/connectors"

    private func database(_ weir: RunningWeir, _ client: Client, _ more: String = "", file: String = "shop.db") throws {
        let reply = try client.call(
            "POST", Self.connectors,
            #"{"id":"shop","name":"shop","connector_type":"db","config":{"connection_string":"sqlite:\#(weir.folder.path)/\#(file)"\#(more)}}"#
        )
        guard reply.status == 201 else { throw RunningWeir.Failure(String(decoding: reply.body, as: UTF8.self)) }
    }

    private func sql(
        _ id: String, _ function: String, _ query: String, _ params: String = "[]", output: String = "data.rows"
    ) -> String {
        Client.task(
            id, function, #"{"connector":"shop","query":"\#(query)","params":\#(params),"output":"\#(output)"}"#)
    }

    @Test func `rows are written and read with parameters, whatever the values say`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try database(weir, client)
        try client.deploy(
            "make",
            tasks: sql(
                "c", "db_write",
                "CREATE TABLE IF NOT EXISTS items (id INTEGER PRIMARY KEY, name TEXT, price REAL, raw BLOB, more TEXT)")
        )
        try client.deploy(
            "put",
            tasks: Client.parse + ","
                + sql(
                    "p", "db_write", "INSERT INTO items (name, price, more) VALUES (?, ?, ?)",
                    #"[{"var":"data.in.name"},{"var":"data.in.price"},{"var":"data.in.more"}]"#, output: "data.done"))
        try client.deploy(
            "get",
            tasks: Client.parse + ","
                + sql(
                    "g", "db_read", "SELECT id, name, price, raw, more FROM items WHERE name = ?",
                    #"[{"var":"data.in.name"}]"#))
        let name = "x'; DROP TABLE items; --"

        #expect(try client.call("POST", "\(Client.data)/make", "{}").status == 200)
        let put = try client.call("POST", "\(Client.data)/put", #"{"name":"\#(name)","price":2.5,"more":[1,true]}"#)
        let got = try client.call("POST", "\(Client.data)/get", #"{"name":"\#(name)"}"#)

        let done = put.data["done"] as? [String: Any]
        #expect(done?["rows_affected"] as? Int == 1 && done?["last_insert_id"] as? Int == 1)
        let rows = got.data["rows"] as? [[String: Any]]
        #expect(rows?.count == 1 && rows?.first?["name"] as? String == name && rows?.first?["price"] as? Double == 2.5)
        #expect(rows?.first?["raw"] is NSNull && rows?.first?["more"] as? String == "[1,true]")
    }

    @Test func `what only reads changes nothing, and a result has bounds in rows and in time`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try database(weir, client, #","max_rows":10,"query_timeout_ms":200"#)
        try client.deploy("make", tasks: sql("c", "db_write", "CREATE TABLE t (a)"))
        try client.deploy("sneaky", tasks: sql("r", "db_read", "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x"))
        let count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
        try client.deploy("many", tasks: sql("r", "db_read", "\(count)11) SELECT i FROM n"))
        try client.deploy("few", tasks: sql("r", "db_read", "\(count)10) SELECT i FROM n"))
        try client.deploy("endless", tasks: sql("r", "db_read", "\(count)10000000000) SELECT count(*) AS c FROM n"))
        try client.deploy("wrong", tasks: sql("r", "db_read", "SELECT a FROM nowhere"))
        try client.deploy("params", tasks: sql("r", "db_read", "SELECT ?", "[1,2]"))
        _ = try client.call("POST", "\(Client.data)/make", "{}")
        let began = Date()

        let replies = try ["sneaky", "many", "few", "endless", "wrong", "params"].map { name in
            try client.call("POST", "\(Client.data)/\(name)", "{}")
        }
        let texts = replies.map { String(decoding: $0.body, as: UTF8.self) }

        #expect(replies.map(\.status) == [500, 500, 200, 500, 500, 500], "\(texts)")
        #expect(texts[0].contains("does not only read") && texts[1].contains("more than 10 rows"))
        #expect(
            texts[3].contains("in time") && texts[4].contains("no such table") && texts[5].contains("1 parameters"),
            "\(texts)")
        #expect(Date().timeIntervalSince(began) < 10)
        let bad = try client.call(
            "POST", "\(Client.admin)/workflows/validate",
            #"{"name":"w","tasks":[\#(sql("r", "db_read", "DELETE FROM t"))]}"#)
        #expect(bad.data["valid"] as? Bool == false)
    }

    @Test func `the server's own file is out of reach, and allow-lists hold`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try database(
            weir, client, #","operations":{"write":false}"#, file: "../\(weir.folder.lastPathComponent)/weir.db")
        try client.deploy("own", tasks: sql("r", "db_read", "SELECT 1"))
        try client.deploy("write", tasks: sql("w", "db_write", "CREATE TABLE t (a)"))

        let own = try client.call("POST", "\(Client.data)/own", "{}")
        let write = try client.call("POST", "\(Client.data)/write", "{}")
        let shown = try client.call("GET", "\(Self.connectors)/shop").data["config"] as? [String: Any]

        #expect(own.status == 500 && String(decoding: own.body, as: UTF8.self).contains("keeps itself in"))
        #expect(write.status == 500 && String(decoding: write.body, as: UTF8.self).contains("does not allow writing"))
        #expect(shown?["connection_string"] as? String == "******")
    }

    @Test func `a cache keeps values for a while, counts and forgets`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        _ = try client.call(
            "POST", Self.connectors, #"{"name":"mem","connector_type":"cache","config":{"backend":"memory"}}"#)
        func task(_ id: String, _ function: String, _ input: String) -> String {
            Client.task(id, function, #"{"connector":"mem",\#(input)}"#)
        }
        try client.deploy(
            "write",
            tasks: Client.parse + ","
                + task(
                    "w", "cache_write",
                    #""key":{"cat":["k:",{"var":"data.in.id"}]},"value":{"v":{"var":"data.in.v"}},"ttl_secs":60"#))
        try client.deploy("brief", tasks: task("w", "cache_write", #""key":"brief","value":1,"ttl_secs":1"#))
        try client.deploy(
            "read",
            tasks: Client.parse + ","
                + task("r", "cache_read", #""key":{"cat":["k:",{"var":"data.in.id"}]},"output":"data.one""#) + ","
                + task("s", "cache_read", #""keys":["k:1","k:none","brief"],"output":"data.many""#))
        try client.deploy("count", tasks: task("c", "cache_incr", #""key":"n","by":2"#))
        try client.deploy("forget", tasks: task("d", "cache_delete", #""keys":["k:1","k:none"]"#))

        _ = try client.call("POST", "\(Client.data)/write", #"{"id":1,"v":"a"}"#)
        _ = try client.call("POST", "\(Client.data)/write", #"{"id":1,"v":"b"}"#)
        _ = try client.call("POST", "\(Client.data)/brief", "{}")
        let read = try client.call("POST", "\(Client.data)/read", #"{"id":1}"#).data
        let counts = try (0..<3).map { _ in try client.call("POST", "\(Client.data)/count", "{}").data["count"] as? Int
        }
        let deadline = Date().addingTimeInterval(20)
        var many = read["many"] as? [Any]
        while many?.last is Int, Date() < deadline {
            many = try client.call("POST", "\(Client.data)/read", #"{"id":1}"#).data["many"] as? [Any]
        }
        let forgot = try client.call("POST", "\(Client.data)/forget", "{}").data["cache"] as? [String: Int]
        let gone = try client.call("POST", "\(Client.data)/read", #"{"id":1}"#).data

        #expect((read["one"] as? [String: Any])?["v"] as? String == "b")
        #expect((read["many"] as? [Any])?.count == 3 && (read["many"] as? [Any])?[1] is NSNull)
        #expect(counts == [2, 4, 6])
        #expect(many?.last is NSNull)
        #expect(forgot == ["deleted": 1] && gone["one"] is NSNull)
    }

    @Test func `a connector of another kind is found out before it is needed`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        _ = try client.call(
            "POST", Self.connectors, #"{"name":"shop","connector_type":"cache","config":{"backend":"memory"}}"#)
        _ = try client.call(
            "POST", "\(Client.admin)/workflows",
            #"{"workflow_id":"w","name":"w","tasks":[\#(sql("r", "db_read", "SELECT 1"))]}"#)

        let refused = try client.call("PATCH", "\(Client.admin)/workflows/w/status", #"{"status":"active"}"#)
        let details = (refused.object["error"] as? [String: Any])?["details"] as? [[String: Any]]

        #expect(refused.status == 400 && details?.first?["code"] as? String == "TYPE_MISMATCH")
        for config in [
            #"{"backend":"redis"}"#, #"{"backend":"redis","url":"http://x"}"#, #"{"backend":"magic"}"#, "{}",
        ] {
            let body = #"{"name":"c","connector_type":"cache","config":\#(config)}"#
            #expect(try client.call("POST", Self.connectors, body).status == 400, "\(config)")
        }
    }
}
