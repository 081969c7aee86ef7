import CPostgres
import Testing

@Suite struct LibraryTests {
    @Test func `a client library that is not there is named, with what to install`() throws {
        let reason = try #require(weir_libpq_try("libpq-nowhere.so.5").map { String(cString: $0) })

        #expect(reason.contains("libpq-nowhere.so.5") && reason.contains("apt-get install libpq5"))
    }

    @Test func `a library that lacks what we call is called too old`() throws {
        let reason = try #require(weir_libpq_try("libz.so.1").map { String(cString: $0) })

        #expect(reason.contains("libz.so.1") && reason.contains("14 or later"))
    }

    @Test func `the library of this machine has all we call`() {
        #expect(weir_libpq_try("libpq.so.5") == nil && weir_libpq_load() == nil)
    }
}
