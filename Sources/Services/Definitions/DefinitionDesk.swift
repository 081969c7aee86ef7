package import Storage
package import Vocabulary

/// Changes definitions: loads the book, decides, commits. Whoever was overtaken by another change decides anew.
package struct DefinitionDesk: Sendable {
    private let store: any DefinitionStore
    private let clock: WallClock

    private static let mostTries = 8

    package init(store: any DefinitionStore, clock: WallClock = .system) {
        self.store = store
        self.clock = clock
    }

    package func book() async throws(Problem) -> DefinitionBook {
        do throws(StorageFailure) { return DefinitionBook(try await store.loadDefinitions()) } catch {
            throw Self.problem(error)
        }
    }

    /// - Parameters:
    ///   - isAnnounced: whether every instance is to serve it at once, if it changes what is served.
    ///   - audit: the entries for a change, given what was before.
    ///   - decide: the decision, told the book and the time.
    /// - Returns: what was committed.
    package func change(
        isAnnounced: Bool = true,
        audit: @Sendable (DefinitionBook, DefinitionChange, Timestamp) -> [AuditRecord],
        _ decide: @Sendable (DefinitionBook, Timestamp) throws(Problem) -> DefinitionChange
    ) async throws(Problem) -> DefinitionChange {
        for _ in 0..<Self.mostTries {
            let book = try await book()
            let now = clock.now()
            var change = try decide(book, now)
            change.audit += audit(book, change, now)
            // Nothing to do is nothing to announce.
            if change == DefinitionChange() { return change }
            change.isAnnounced = isAnnounced && change.goesLive
            do throws(StorageFailure) {
                _ = try await store.commit(change, expecting: book.snapshot.generation)
                return change
            } catch {
                if error != .conflict { throw Self.problem(error) }
            }
        }
        throw Problem(.conflict, "The definitions are being changed by others; try again.", retryAfter: .seconds(1))
    }

    package static func problem(_ failure: StorageFailure) -> Problem {
        switch failure {
        case .conflict: Problem(.conflict, "Somebody else changed it first; try again.")
        case .unavailable:
            Problem(.unavailable, "The database does not answer; try again later.", retryAfter: .seconds(1))
        case .broken: Problem(.storage, "The database refused the operation.")
        }
    }
}
