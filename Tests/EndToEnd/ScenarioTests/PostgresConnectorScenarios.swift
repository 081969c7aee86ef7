import Foundation
import RealServices
import Testing

/// `db_read` and `db_write` on a PostgreSQL of somebody else's.
@Suite(.timeLimit(.minutes(3))) struct PostgresConnectorScenarios {
    private static let connectors = "\(Client.admin)/connectors"

    private func connect(_ client: Client, _ url: String, _ more: String = #","allow_private_urls":true"#) throws {
        let config = #"{"connection_string":"\#(url)"\#(more)}"#
        let reply = try client.call(
            "POST", Self.connectors, #"{"id":"pg","name":"pg","connector_type":"db","config":\#(config)}"#)
        guard reply.status == 201 else { throw RunningWeir.Failure(String(decoding: reply.body, as: UTF8.self)) }
    }

    private func deploy(
        _ client: Client, _ name: String, _ function: String, _ query: String, _ params: String = "[]"
    ) throws {
        let input = #"{"connector":"pg","query":"\#(query)","params":\#(params),"output":"data.out"}"#
        try client.deploy(name, tasks: Client.parse + "," + Client.task("t", function, input))
    }

    private func call(_ client: Client, _ name: String, _ body: String = "{}") throws -> Client.Reply {
        try client.call("POST", "\(Client.data)/\(name)", body)
    }

    private func rows(_ reply: Client.Reply) -> [[String: Any]] { reply.data["out"] as? [[String: Any]] ?? [] }

    private func text(_ reply: Client.Reply) -> String { String(decoding: reply.body, as: UTF8.self) }

    @Test func `every type comes as the JSON it is documented as`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try connect(client, try RealPostgres.shared().makeDatabase())
        let query = """
            SELECT 12345678901234567890.10::numeric AS exact, 9007199254740993::int8 AS whole, 7::int2 AS small, \
            1.5::float8 AS real, 'NaN'::float8 AS none, true AS flag, NULL::text AS nothing, \
            '2026-01-31 13:00:00.25+01'::timestamptz AS moment, '2026-01-31 12:00'::timestamp AS local, \
            '2026-01-31'::date AS day, interval '1 day 2 hours' AS span, \
            '{\\"b\\":[1,{\\"c\\":null}]}'::jsonb AS doc, '\\\\x00ff'::bytea AS raw, \
            '6f2b1a0e-7d4c-4b53-9a51-3c2f1d0e9b8a'::uuid AS id, ARRAY[1,NULL,3] AS numbers, \
            ARRAY['a,b','q\\"\\\\','NULL',NULL] AS texts, ARRAY[[true,false],[false,true]] AS flags, \
            ARRAY[0.10::numeric] AS exacts, '[2:3]={7,8}'::int4[] AS shifted, '{}'::int4[] AS empty, 'x'::varchar AS word
            """
        try deploy(client, "types", "db_read", query)

        let reply = try call(client, "types")
        let row = try #require(rows(reply).first, "\(text(reply))")

        #expect(row["exact"] as? String == "12345678901234567890.10" && row["small"] as? Int == 7)
        #expect(text(reply).contains(#""whole":9007199254740993"#))
        #expect(row["real"] as? Double == 1.5 && row["none"] as? String == "NaN" && row["nothing"] is NSNull)
        #expect(row["flag"] as? Bool == true && text(reply).contains(#""flag":true"#))
        #expect(row["moment"] as? String == "2026-01-31T12:00:00.25Z")
        #expect(row["local"] as? String == "2026-01-31T12:00:00" && row["day"] as? String == "2026-01-31")
        #expect(row["span"] as? String == "P1DT2H" && row["word"] as? String == "x")
        #expect(text(reply).contains(#""doc":{"b":[1,{"c":null}]}"#), "\(text(reply))")
        #expect(row["raw"] as? String == "AP8=" && row["id"] as? String == "6f2b1a0e-7d4c-4b53-9a51-3c2f1d0e9b8a")
        #expect(text(reply).contains(#""numbers":[1,null,3]"#) && text(reply).contains(#""shifted":[7,8]"#))
        #expect(row["texts"] as? [AnyHashable?] == ["a,b", "q\"\\", "NULL", NSNull()], "\(text(reply))")
        #expect(text(reply).contains(#""flags":[[true,false],[false,true]]"#))
        #expect(row["exacts"] as? [String] == ["0.10"] && (row["empty"] as? [Any])?.isEmpty == true)
    }

    @Test func `COPY is refused as the statement it is, and the next call goes on`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try connect(client, try RealPostgres.shared().makeDatabase())
        try deploy(client, "in", "db_write", "COPY pg_temp.nothing FROM STDIN")
        try deploy(client, "out", "db_write", "COPY (SELECT 1) TO STDOUT")
        try deploy(client, "next", "db_read", "SELECT 1 AS n")

        #expect(text(try call(client, "out")).contains("COPY cannot be run here"))
        #expect(try call(client, "in").status == 500)
        #expect(rows(try call(client, "next")).first?["n"] as? Int == 1)
    }

    @Test func `what a statement leaves in its session, the next does not find`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try connect(
            client, try RealPostgres.shared().makeDatabase(), #","allow_private_urls":true,"max_connections":1"#)
        let looking = """
            SELECT current_setting('search_path') AS path, current_setting('work_mem') AS memory, \
            (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks
            """
        try deploy(client, "look", "db_read", looking)
        let lasting = "SELECT set_config('search_path', 'nowhere', false), set_config('work_mem', '64kB', false)"
        try deploy(client, "read", "db_read", lasting + ", pg_advisory_lock(7)::text")
        try deploy(client, "write", "db_write", lasting + ", pg_advisory_lock(8)::text")
        try deploy(client, "role", "db_write", "SET SESSION AUTHORIZATION pg_monitor")
        let before = try #require(rows(try call(client, "look")).first)

        for name in ["read", "write", "role"] {
            #expect(try call(client, name).status == 200)
            let after = rows(try call(client, "look")).first ?? [:]
            #expect(NSDictionary(dictionary: after) == NSDictionary(dictionary: before), "\(name): \(after)")
        }
        #expect(before["locks"] as? Int == 0)
    }

    @Test func `rows are written with parameters of their columns' types, and given back`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let url = try RealPostgres.shared().makeDatabase()
        _ = try RealPostgres.ask(
            "CREATE TABLE items (id int8 GENERATED ALWAYS AS IDENTITY, name text, price numeric, at timestamptz, "
                + "is_new bool, more jsonb)", at: url)
        try connect(client, url)
        try deploy(
            client, "put", "db_write",
            "INSERT INTO items (name, price, at, is_new, more) VALUES ($1, $2, $3, $4, $5) RETURNING id, name",
            ["name", "price", "at", "new", "more"].map { #"{"var":"data.in.\#($0)"}"# }.joined(separator: ",")
                .bracketed)
        try deploy(client, "raise", "db_write", "UPDATE items SET price = price + $1", "[0.25]")
        try deploy(
            client, "get", "db_read", "SELECT * FROM items WHERE name = $1 AND id = $2",
            #"[{"var":"data.in.name"},{"var":"data.in.id"}]"#)
        let name = "x'; DROP TABLE items; --"

        let put = try call(
            client, "put",
            #"{"name":"\#(name)","price":2.5,"at":"2026-01-31T13:00:00+01:00","new":true,"more":{"a":[1,"ü"]}}"#)
        let done = put.data["out"] as? [String: Any]
        let given = (done?["rows"] as? [[String: Any]])?.first
        #expect(done?["rows_affected"] as? Int == 1 && done?["last_insert_id"] == nil, "\(text(put))")
        #expect(given?["name"] as? String == name && given?["id"] as? Int == 1)
        let raise = try call(client, "raise").data["out"] as? [String: Any]
        #expect(raise?["rows_affected"] as? Int == 1 && raise?["rows"] == nil)

        let got = try call(client, "get", #"{"name":"\#(name)","id":1}"#)
        let row = rows(got).first
        #expect(row?["price"] as? String == "2.75" && row?["at"] as? String == "2026-01-31T12:00:00Z", "\(text(got))")
        #expect(row?["is_new"] as? Bool == true && text(got).contains(#""more":{"a":[1,"ü"]}"#))
        #expect(rows(try call(client, "get", #"{"name":"nobody","id":1}"#)).isEmpty)
    }

    @Test func `a result has bounds in rows, bytes and time, and what only reads changes nothing`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let url = try RealPostgres.shared().makeDatabase()
        _ = try RealPostgres.ask("CREATE TABLE t (n int8)", at: url)
        try connect(client, url, #","allow_private_urls":true,"max_rows":10,"query_timeout_ms":1500"#)
        let series = "SELECT n FROM generate_series(1, "
        try deploy(client, "few", "db_read", series + "10) n")
        try deploy(client, "many", "db_read", series + "11) n")
        try deploy(client, "flood", "db_read", "SELECT generate_series(1, 100000000), repeat('x', 1000)")
        try deploy(client, "wide", "db_read", "SELECT repeat('x', 10000000) FROM generate_series(1, 9)")
        try deploy(client, "sneaky", "db_read", "WITH x AS (INSERT INTO t VALUES (1) RETURNING n) SELECT n FROM x")
        try deploy(client, "slow", "db_read", "SELECT pg_sleep(60)")
        try deploy(client, "params", "db_read", "SELECT $1::int8 AS a", "[1,2]")
        try deploy(client, "wrong", "db_read", "SELECT a FROM nowhere")
        try deploy(client, "type", "db_read", "SELECT $1::int8 AS a", #"["seven"]"#)
        try deploy(client, "back", "db_write", "INSERT INTO t SELECT n FROM generate_series(1, 11) n RETURNING n")
        _ = try call(client, "few")
        let before = weir.residentBytes

        let names = ["few", "many", "flood", "wide", "sneaky", "slow", "params", "wrong", "type", "back"]
        let replies = try names.map { try call(client, $0) }
        let texts = replies.map(text)

        #expect(replies.map(\.status) == [200] + Array(repeating: 500, count: 9), "\(texts)")
        for place in [1, 2, 9] { #expect(texts[place].contains("more than 10 rows"), "\(texts[place])") }
        #expect(texts[3].contains("32 MiB") && texts[4].contains("does not only read"), "\(texts[4])")
        #expect(texts[5].contains("in time") && texts[6].contains("2 parameters"), "\(texts[5]) \(texts[6])")
        #expect(texts[7].contains("nowhere") && texts[8].contains("invalid input syntax"), "\(texts[7])")
        #expect(try RealPostgres.ask("SELECT count(*) FROM t", at: url) == "0", "what is refused is not done")
        #expect(weir.residentBytes < before + 96 << 20, "100 GB passed by, and were not collected")
        #expect(try call(client, "few").status == 200)
        // Nothing goes on there for nobody.
        let busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
        #expect(try RunningWeir.eventually { try RealPostgres.ask(busy, at: url) == "1" })
    }

    @Test func `a private address is refused before anything is sent there`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let folder = try RealPostgres.shared().folder.path
        for (place, url) in [
            "postgres://u:secret@127.0.0.1/db", "postgres://u:secret@localhost:5432/db",
            "postgres://u:secret@93.184.216.34,10.0.0.1/db", "postgresql://u:secret@[::1]/db",
            "postgres://u:secret@example.com/db?hostaddr=169.254.169.254", "postgres:///db?host=\(folder)",
            "postgres:///db?service=x", "postgres:///",
        ].enumerated() {
            let config = #"{"connection_string":"\#(url)"}"#
            let made = try client.call(
                "POST", Self.connectors, #"{"name":"pg\#(place)","connector_type":"db","config":\#(config)}"#)
            #expect(made.status == 201)
            let task = Client.task(
                "t", "db_read", #"{"connector":"pg\#(place)","query":"SELECT 1","output":"data.out"}"#)
            try client.deploy("w\(place)", tasks: task)

            let reply = try call(client, "w\(place)")

            #expect(reply.status == 500 && text(reply).contains("may not be called"), "\(url): \(text(reply))")
            #expect(!text(reply).contains("secret"))
        }
        let shown = try client.call("GET", "\(Self.connectors)?limit=100")
        #expect(!text(shown).contains("secret"))
    }

    @Test func `a server that hangs, goes or refuses the password is told apart, and found again`() throws {
        let server = try RealPostgres(isSecured: true)
        defer { server.stop(.leaving) }
        try server.sql("CREATE ROLE app LOGIN PASSWORD 'right'")
        let weir = try RunningWeir(["engine.circuit_breaker.enabled=false"])
        let client = Client(weir.port)
        let place = "localhost:\(server.port)/postgres?sslmode=verify-full&sslrootcert=\(server.authority)"
        try connect(
            client, "postgres://app:right@\(place)", #","allow_private_urls":true,"query_timeout_ms":2000"#)
        try deploy(client, "who", "db_read", "SELECT pg_backend_pid() AS pid")
        let wrong = #"{"connection_string":"postgres://app:wr0ng@\#(place)","allow_private_urls":true}"#
        _ = try client.call("POST", Self.connectors, #"{"name":"no","connector_type":"db","config":\#(wrong)}"#)
        try client.deploy(
            "no", tasks: Client.task("t", "db_read", #"{"connector":"no","query":"SELECT 1","output":"data.out"}"#))

        let refused = try call(client, "no")
        #expect(text(refused).contains("password authentication failed") && !text(refused).contains("wr0ng"))
        let first = try call(client, "who")
        let pid = try #require(rows(first).first?["pid"] as? Int, "\(text(first))")

        // Frozen: neither the statement's own timeout nor a cancellation is heard.
        kill(pid_t(pid), SIGSTOP)
        let began = Date()
        let hanging = try call(client, "who")
        #expect(text(hanging).contains("in time") && Date().timeIntervalSince(began) < 20, "\(text(hanging))")
        kill(pid_t(pid), SIGCONT)
        #expect(try call(client, "who").status == 200)

        server.stop(.fast)
        let gone = try call(client, "who")
        #expect(gone.status == 500 && text(gone).contains("cannot be reached"), "\(text(gone))")
        try server.start()
        #expect(try RunningWeir.eventually { try call(client, "who").status == 200 })
    }

    @Test func `a connector that is changed leaves no connections behind`() throws {
        let weir = try RunningWeir(["server.threads=1"])
        let client = Client(weir.port)
        let url = try RealPostgres.shared().makeDatabase()
        try connect(client, url)
        try deploy(client, "one", "db_read", "SELECT pg_backend_pid() AS pid")
        let pid = try #require(rows(try call(client, "one")).first?["pid"] as? Int)
        let open = "SELECT count(*) FROM pg_stat_activity WHERE pid = \(pid)"
        #expect(try RealPostgres.ask(open, at: url) == "1")

        let config = #"{"connection_string":"\#(url)","allow_private_urls":true,"max_rows":5}"#
        let body = #"{"name":"pg","connector_type":"db","config":\#(config)}"#
        #expect(try client.call("PUT", "\(Self.connectors)/pg", body).status == 200)

        #expect(
            try RunningWeir.eventually {
                try call(client, "one").status == 200 && RealPostgres.ask(open, at: url) == "0"
            })
    }

    /// SQLite needs nothing to be installed; PostgreSQL says what.
    @Test func `the binary starts without PostgreSQL's library`() throws {
        let needed = try RunningWeir.command([RunningWeir.binary.path], program: URL(fileURLWithPath: "/usr/bin/ldd"))

        #expect(needed.code == 0 && needed.output.contains("libc.so"))
        #expect(!needed.output.contains("libpq"))
    }
}

extension String {
    fileprivate var bracketed: String { "[\(self)]" }
}
