import Testing

@testable import RedisDriver

@Suite struct RedisURLTests {
    @Test func `a server, a master of Sentinel and a cluster are told apart`() throws {
        let plain = try RedisURL("redis://us%65r:p%40ss%3A@Host:1234/5")
        #expect(plain.kind == .single && !plain.usesTLS && plain.hosts == [RedisAddress(host: "host", port: 1234)])
        #expect(plain.user == "user" && plain.password == "p@ss:" && plain.database == 5)
        let short = try RedisURL("rediss://:secret@[::1]?ca=/a%20b.pem&db=2")
        #expect(short.usesTLS && short.user == nil && short.password == "secret" && short.hosts[0].host == "::1")
        #expect(short.hosts[0].port == 6379 && short.authorities == "/a b.pem" && short.database == 2)
        let sentinel = try RedisURL("redis+sentinel://a,b:1,[::1]:2/my-master?db=3&sentinel_password=x&sentinel_user=y")
        #expect(sentinel.kind == .sentinel(master: "my-master") && sentinel.database == 3)
        #expect(sentinel.hosts.map(\.port) == [26379, 1, 2])
        #expect(sentinel.sentinelPassword == "x" && sentinel.sentinelUser == "y" && sentinel.password == nil)
        let cluster = try RedisURL("rediss+cluster://u:p@a:7000,b")
        #expect(cluster.kind == .cluster && cluster.usesTLS && cluster.hosts.map(\.port) == [7000, 6379])
    }

    @Test(arguments: [
        "", "redis", "http://a", "redis://", "redis://a,b", "redis://a:0", "redis://a:x", "redis://a:65536",
        "redis://[::1",
        "redis://[::1]x", "redis://a/x", "redis://a/-1", "redis://a?x=1", "redis://user@a", "redis://%zz:p@a",
        "redis://a b",
        "redis+sentinel://a", "redis+sentinel://a/", "redis+sentinel://a/m/n", "redis+cluster://a/1",
        "redis+cluster://a?db=1", "redis+cluster://a,,b", "redis://:p%00@a", "redis://:p%FF@a", "redis://a?db=%",
    ])
    func `what is none is refused, without a word of it`(text: String) {
        #expect(throws: RedisURL.Malformed.self) { try RedisURL(text) }
        do { _ = try RedisURL(text.replacing("://", with: "://:topsecret@")) } catch {
            #expect(!"\(error)".contains("topsecret"))
        }
    }
}
