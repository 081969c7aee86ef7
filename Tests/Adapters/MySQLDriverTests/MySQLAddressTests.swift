import Seeds
import Testing

@testable import MySQLDriver

@Suite struct MySQLAddressTests {
    private static let characters = Array("abzAZ019-._~:/?#[]@!$&'()*+,;= %\"<>☃é")

    private func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            let character = Character(UnicodeScalar(byte))
            return character.isASCII && (character.isLetter || character.isNumber)
                ? "\(character)" : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `what is encoded is read as it was meant`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        func word() -> String {
            String(
                (0..<Int.random(in: 1...12, using: &random)).map { _ in Self.characters.randomElement(using: &random)! }
            )
        }
        let (user, password, database) = (word(), word(), word())
        let port = UInt16.random(in: 1 ... .max, using: &random)
        let host = ["db.example.com", "127.0.0.1", "[::1]"].randomElement(using: &random)!
        let privacy = MySQLAddress.Privacy.allCases.randomElement(using: &random)!

        let address = try MySQLAddress(
            "mysql://\(encoded(user)):\(encoded(password))@\(host):\(port)/\(encoded(database))?ssl-mode=\(privacy.rawValue)"
        )

        #expect(address.user == user && address.password == password && address.database == database)
        #expect(address.port == port && address.privacy == privacy && address.socket == nil)
        #expect(address.host == (host == "[::1]" ? "::1" : host))
    }

    @Test func `what is left out has a default`() throws {
        let bare = try MySQLAddress("mariadb://")
        let socket = try MySQLAddress("mysql://me@/shop?socket=/run/a%20b/s.sock")

        #expect(bare.host == "127.0.0.1" && bare.port == 3306 && bare.user.isEmpty && bare.database.isEmpty)
        #expect(bare.privacy == .preferred)
        #expect(socket.socket == "/run/a b/s.sock" && socket.user == "me" && socket.database == "shop")
    }

    @Test(arguments: [
        "postgres://a", "mysql:/a", "mysql://me:s3cret@h:x/d", "mysql://me:s3cret@h:0/d", "mysql://me:s3cret@h:70000",
        "mysql://me:s3%zzcret@h", "mysql://me:s3%cret", "mysql://me:s3cret/@h/b", "mysql://me:s3cret@[::1/d",
        "mysql://h?sslmode=s3cret", "mysql://h?ssl-mode=s3cret", "mysql://me:s3cret%00@h", "mysql://me:s3cret@h%ff",
    ])
    func `what cannot be read is refused, and not quoted`(url: String) {
        // A slash in a password is read; it leads to a host, not to a part of the secret.
        if let read = try? MySQLAddress(url) {
            #expect(read.host == "h" && read.password.hasPrefix("s3cret"))
            return
        }
        let failure = #expect(throws: MySQLFailure.self) { try MySQLAddress(url) }
        #expect(failure?.message.contains("s3") == false)
    }

    /// A greeting as servers send it.
    private func greeting(offersTLS: Bool, version: String) -> [UInt8] {
        let body: [UInt8] =
            [10] + Array(version.utf8) + [0] + [1, 0, 0, 0] + [UInt8](repeating: 65, count: 8) + [0, 0xFE]
            + [offersTLS ? 0xFF : 0xF7, 45, 2, 0]
        return [UInt8(body.count), 0, 0, 0] + body
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `a greeting says whether there is TLS, and a piece of one says nothing`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let version = String(
            (0..<Int.random(in: 0...60, using: &random)).map { _ in "5.7-MariaDB".randomElement(using: &random)! })
        let offers = Bool.random(using: &random)
        let whole = greeting(offersTLS: offers, version: version)
        let enough = 5 + version.utf8.count + 1 + 4 + 8 + 1 + 2
        let cut = Int.random(in: 0..<enough, using: &random)

        #expect(ServerGreeting.offersTLS(whole) == offers)
        #expect(ServerGreeting.offersTLS(Array(whole[..<cut])) == nil)
        // Anything else ends nothing.
        _ = ServerGreeting.offersTLS((0..<40).map { _ in UInt8.random(in: 0...255, using: &random) })
    }
}
