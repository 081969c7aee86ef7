import Foundation
import SQLiteDriver
import Storage
import StorageSQL
import Testing
import Vocabulary

@testable import StorageSQLite

@Suite struct SQLiteSchemaTests {
    private func withFolder(_ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body("sqlite:\(folder.path)/weir.db")
    }

    @Test func `no request reads a whole table`() async throws {
        try await withFolder { url in
            let store = try await SQLiteStore.open(url: url)
            for entry in store.requestPath {
                let statement = StoreStatement("EXPLAIN QUERY PLAN " + entry.statement.sql, entry.statement.values)
                // id, parent, unused, what is done.
                let plan = try await store.driver.writer.snapshot([statement])[0].map { $0.text(3) }
                let scans = plan.filter { $0.hasPrefix("SCAN") && !$0.contains("USING") && $0 != "SCAN CONSTANT ROW" }
                #expect(scans.isEmpty, "\(entry.name): \(plan)")
            }
            #expect(store.requestPath.count > 20)
            await store.close()
        }
    }

    @Test func `every table that holds something is copied, with every column`() async throws {
        let driver = try await SQLiteStoreDriver.inMemory()
        try await Migrator(driver).up()
        let structure = try await driver.structure()
        await driver.close()
        let columns = structure.found.filter { $0.text.hasPrefix("column ") }.map { line in
            line.text.split(separator: " ")[1]
        }
        let found = Dictionary(grouping: columns) { String($0.prefix { $0 != "." }) }
            .mapValues { Set($0.map { String($0.drop { $0 != "." }.dropFirst()) }) }

        for (table, columns) in found where !TableShape.passing.contains(table) {
            let shape = TableShape.all.first { $0.name == table }
            #expect(shape.map { Set($0.columns.map(\.name)) } == columns, "\(table) is not copied whole")
        }
        #expect(structure.missing == [] && structure.added == [])
    }

    @Test func `a changed index is seen`() async throws {
        try await withFolder { url in
            let store = try await SQLiteStore.open(url: url)
            try await store.driver.writer.execute(
                "DROP INDEX traces_open; CREATE INDEX traces_open ON traces (due_at); CREATE TABLE theirs (n INTEGER)")
            let structure = try await store.driver.structure()
            await store.close()

            #expect(structure.missing == ["index traces CREATE INDEX traces_open ON traces (due_at) WHERE status < 2"])
            #expect(structure.added == ["index traces CREATE INDEX traces_open ON traces (due_at)"])
        }
    }

    @Test func `a migration that was changed after it was applied is refused`() async throws {
        try await withFolder { url in
            let store = try await SQLiteStore.open(url: url)
            try await store.driver.writer.execute("UPDATE schema_migrations SET checksum = 'other' WHERE version = 2")
            await store.close()

            await #expect(throws: StorageFailure.self) { try await SQLiteStore.open(url: url) }
        }
    }

    @Test func `a transaction of several calls has the file to itself`() async throws {
        try await withFolder { url in
            let store = try await SQLiteStore.open(url: url)
            let counts = try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        try await store.driver.transaction { transaction throws(StorageFailure) in
                            let read = StoreStatement("SELECT value FROM numbers WHERE name = 'generation'")
                            let value = try await transaction.run([read])[0].first?.integer(0) ?? 0
                            await Task.yield()
                            try await transaction.run([
                                StoreStatement(
                                    "UPDATE numbers SET value = ? WHERE name = 'generation'", [.integer(value + 1)])
                            ])
                        }
                    }
                    group.addTask {
                        _ = try await store.driver.run(
                            [StoreStatement("UPDATE numbers SET value = value + 1 WHERE name = 'generation'")],
                            canRepeat: false)
                    }
                }
                try await group.waitForAll()
                return try await store.loadDefinitions().generation
            }
            await store.close()

            #expect(counts == 40)
        }
    }
}
