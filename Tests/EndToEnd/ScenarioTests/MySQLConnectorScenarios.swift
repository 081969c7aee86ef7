import Foundation
import RealServices
import Testing

/// Databases of MariaDB and MySQL, through their connectors.
@Suite struct MySQLConnectorScenarios {
    private static let connectors = "\(Client.admin)/connectors"

    /// - Parameter more: of the connector's config, from the comma on.
    private func connect(
        _ client: Client, _ url: String, _ more: String = #","allow_private_urls":true"#, name: String = "shop"
    ) throws {
        let reply = try client.call(
            "POST", Self.connectors,
            #"{"id":"\#(name)","name":"\#(name)","connector_type":"db","config":{"connection_string":"\#(url)"\#(more)}}"#
        )
        guard reply.status == 201 else { throw RunningWeir.Failure(String(decoding: reply.body, as: UTF8.self)) }
    }

    private func sql(
        _ id: String, _ function: String, _ query: String, _ params: String = "[]", output: String = "data.rows",
        connector: String = "shop"
    ) -> String {
        Client.task(
            id, function,
            #"{"connector":"\#(connector)","query":"\#(query)","params":\#(params),"output":"\#(output)"}"#)
    }

    private func text(_ reply: Client.Reply) -> String { String(decoding: reply.body, as: UTF8.self) }

    @Test func `rows are written and read with parameters, whatever the values say`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let url = try RealMariaDB.shared().makeDatabase()
        try connect(client, url)
        try client.deploy(
            "make",
            tasks: sql(
                "c", "db_write",
                """
                CREATE TABLE items (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(100), price DECIMAL(10,2), raw BLOB, \
                more JSON, at TIMESTAMP NULL DEFAULT '2026-01-02 03:04:05') CHARSET utf8mb4
                """))
        try client.deploy(
            "put",
            tasks: Client.parse + ","
                + sql(
                    "p", "db_write", "INSERT INTO items (name, price, raw, more) VALUES (?, ?, x'00ff', ?)",
                    #"[{"var":"data.in.name"},{"var":"data.in.price"},{"var":"data.in.more"}]"#, output: "data.done"))
        try client.deploy(
            "get",
            tasks: Client.parse + ","
                + sql("g", "db_read", "SELECT * FROM items WHERE name = ?", #"[{"var":"data.in.name"}]"#))
        try client.deploy(
            "give",
            tasks: Client.parse + ","
                + sql(
                    "r", "db_write", "INSERT INTO items (name) VALUES ('a'), ('b') RETURNING id", "[]",
                    output: "data.done"))
        let name = "x'; DROP TABLE items; -- ☃"

        let made = try client.call("POST", "\(Client.data)/make", "{}")
        let put = try client.call("POST", "\(Client.data)/put", #"{"name":"\#(name)","price":2.5,"more":[1,true]}"#)
        let got = try client.call("POST", "\(Client.data)/get", #"{"name":"\#(name)"}"#)
        let shown = try client.call("GET", "\(Self.connectors)/shop")

        #expect(made.status == 200, "\(text(made))")
        let done = put.data["done"] as? [String: Any]
        #expect(done?["rows_affected"] as? Int == 1 && done?["last_insert_id"] as? Int == 1, "\(text(put))")
        let row = (got.data["rows"] as? [[String: Any]])?.first
        #expect(row?["name"] as? String == name && row?["price"] as? String == "2.50", "\(text(got))")
        #expect(row?["raw"] as? String == "AP8=" && (row?["more"] as? [Any])?.count == 2)
        #expect(row?["at"] as? String == "2026-01-02T03:04:05Z" && row?["id"] as? Int == 1)
        #expect(!text(shown).contains("socket"))
        let given = try client.call("POST", "\(Client.data)/give", "{}").data["done"] as? [String: Any]
        #expect(given?["rows_affected"] as? Int == 2 && (given?["rows"] as? [Any])?.count == 2, "\(given ?? [:])")
    }

    @Test func `what only reads changes nothing, and a result has bounds in rows and in time`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let server = try RealMariaDB.shared()
        let url = try server.makeDatabase()
        let name = try #require(URL(string: url)?.path.dropFirst())
        try server.sql("CREATE TABLE \(name).t (a INT) ENGINE = InnoDB")
        try connect(client, url, #","allow_private_urls":true,"max_rows":10,"query_timeout_ms":500"#)
        let workflows = [
            ("lock", "SELECT a FROM t FOR UPDATE"), ("file", "SELECT 1 INTO OUTFILE '/tmp/weir-never-2'"),
            ("many", "SELECT seq FROM seq_1_to_11"), ("few", "SELECT seq FROM seq_1_to_10"),
            ("endless", "SELECT SLEEP(80) AS s"), ("wrong", "SELECT a FROM nowhere"), ("params", "SELECT ?"),
            ("huge", "SELECT REPEAT('x', 1000) FROM seq_1_to_100000000 LIMIT 90000000"),
        ]
        for (id, query) in workflows { try client.deploy(id, tasks: sql("r", "db_read", query)) }
        try client.deploy("hang", tasks: sql("w", "db_write", "DO SLEEP(80)"))
        try client.deploy("begin", tasks: sql("w", "db_write", "BEGIN"))
        try client.deploy("put", tasks: sql("w", "db_write", "INSERT INTO t VALUES (1)"))
        let began = Date()

        let replies = try (workflows.map(\.0) + ["hang", "begin", "put"]).reduce(into: [String: Client.Reply]()) {
            $0[$1] = try client.call("POST", "\(Client.data)/\($1)", "{}")
        }
        let texts = replies.mapValues { text($0) }

        #expect(replies.filter { $0.value.status == 200 }.keys.sorted() == ["few", "put"], "\(texts)")
        #expect(texts["lock"]?.contains("READ ONLY") == true && texts["file"]?.contains("does not only read") == true)
        #expect(
            texts["many"]?.contains("more than 10 rows") == true && texts["huge"]?.contains("more than 10 rows") == true
        )
        #expect(texts["endless"]?.contains("in time") == true && texts["hang"]?.contains("in time") == true)
        #expect(texts["wrong"]?.contains("doesn't exist") == true && texts["params"]?.contains("1 parameters") == true)
        #expect(texts["begin"]?.contains("transaction") == true, "\(texts)")
        #expect(Date().timeIntervalSince(began) < 20)
        #expect(try server.sql("SELECT count(*) FROM \(name).t") == "1\n")
        #expect(!FileManager.default.fileExists(atPath: "/tmp/weir-never-2"))
        // The server was told, too.
        let deadline = Date.now.addingTimeInterval(20)
        let sleeping =
            "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%SLEEP(80)%' AND db = '\(name)'"
        while try server.sql(sleeping) != "0\n" {
            try #require(Date.now < deadline, "statements that nobody waits for go on")
            usleep(20_000)
        }
    }

    @Test func `a private address is not called unless the connector allows it`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let places = [
            "loopback": "mysql://root:hidden-5@127.0.0.1:3306/d", "name": "mysql://localhost/d",
            "mapped": "mariadb://[::ffff:10.0.0.1]/d", "socket": try RealMariaDB.shared().url(),
        ]
        for (name, url) in places {
            try connect(client, url, #","connect_timeout_ms":3000"#, name: name)
            try client.deploy("r-\(name)", tasks: sql("r", "db_read", "SELECT 1", connector: name))

            let reply = try client.call("POST", "\(Client.data)/r-\(name)", "{}")

            #expect(reply.status == 500 && text(reply).contains("may not be called"), "\(name): \(text(reply))")
            #expect(!text(reply).contains("hidden-5"))
        }
    }

    @Test func `a server that is away, or refuses us, is told as such and found again`() throws {
        let server = try RealMariaDB()
        defer { server.stop(.leaving) }
        try server.sql("CREATE USER careful@localhost IDENTIFIED BY 'right-3'")
        let weir = try RunningWeir(["engine.circuit_breaker.enabled=false"])
        let client = Client(weir.port)
        let more = #","allow_private_urls":true,"connect_timeout_ms":1000,"query_timeout_ms":5000"#
        try connect(client, server.url(), more)
        try connect(client, server.url(user: "careful:wrong-4"), more, name: "locked")
        try connect(client, "mysql://me:hidden-6@h:port/d", more, name: "garbled")
        try client.deploy("ask", tasks: sql("r", "db_read", "SELECT 1 AS one"))
        try client.deploy("locked", tasks: sql("r", "db_read", "SELECT 1 AS one", connector: "locked"))
        try client.deploy("garbled", tasks: sql("r", "db_read", "SELECT 1 AS one", connector: "garbled"))
        func ask(_ name: String) throws -> (status: Int, text: String) {
            let reply = try client.call("POST", "\(Client.data)/\(name)", "{}")
            return (reply.status, text(reply))
        }

        let (first, locked, garbled) = (try ask("ask"), try ask("locked"), try ask("garbled"))
        server.stop(.atOnce)
        let gone = try ask("ask")
        try server.start()
        let deadline = Date.now.addingTimeInterval(20)
        while try ask("ask").status != 200 { try #require(Date.now < deadline, "it did not find the server again") }
        server.pause()
        let paused = try ask("ask")
        server.resume()
        while try ask("ask").status != 200 { try #require(Date.now < deadline, "it did not find the server again") }

        #expect(first.status == 200)
        #expect(locked.status != 200 && locked.text.contains("Access denied") && !locked.text.contains("wrong-4"))
        #expect(garbled.status != 200 && garbled.text.contains("cannot be read") && !garbled.text.contains("hidden-6"))
        #expect(gone.status != 200 && gone.text.contains("cannot be reached"), "\(gone)")
        #expect(paused.status != 200 && (paused.text.contains("in time") || paused.text.contains("cannot be reached")))
    }
}
