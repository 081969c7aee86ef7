package import Storage
import Vocabulary

/// What every backend of the storage port promises. Memory, SQLite and whatever comes pass the same kit.
///
/// Each promise gets an empty store of its own.
package struct StorageConformance: Sendable {
    package typealias Making = @Sendable () async throws -> any DurableStore

    let make: Making

    package init(of make: @escaping Making) { self.make = make }

    /// A promise that was not kept.
    package struct Broken: Error, CustomStringConvertible {
        package var description: String
    }

    package static let promises: [String: @Sendable (any DurableStore) async throws -> Void] =
        [
            definitionPromises, auditPromises, tracePromises, occurrencePromises, adminKeyPromises, clusterPromises,
        ].reduce(into: [:]) {
            $0.merge($1) { $1 }
        }

    package func verify(_ promise: String) async throws {
        guard let check = Self.promises[promise] else { throw Broken(description: "no such promise: \(promise)") }
        let store = try await make()
        do { try await check(store) } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    static func expect(_ holds: Bool, _ sentence: String, line: Int = #line, file: String = #fileID) throws {
        guard holds else { throw Broken(description: "\(sentence) (\(file):\(line))") }
    }

    static func at(_ microseconds: Int64) -> Timestamp { Timestamp(microseconds: microseconds) }
}
