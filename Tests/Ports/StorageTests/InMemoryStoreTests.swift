import Storage
import StorageConformance
import Testing

@Suite struct InMemoryStoreTests {
    @Test(arguments: StorageConformance.promises.keys.sorted())
    func `memory keeps the promise`(_ promise: String) async throws {
        try await StorageConformance(of: { InMemoryStore() }).verify(promise)
    }
}
