package import Storage

/// A driver that can say what its database is made of.
package protocol SchemaInspecting: StoreDriver {
    /// Tables, columns and indexes, a line each, as they are and as the migrations make them. Lines begin with the
    /// kind and the table: `column traces.id uuid not null`.
    func structure() async throws(StorageFailure) -> SchemaStructure
}

/// What a database is made of, and what the migrations make.
package struct SchemaStructure: Sendable, Equatable {
    package struct Line: Sendable, Hashable, Comparable {
        package var table: String
        package var text: String

        package init(table: String, text: String) {
            self.table = table
            self.text = text
        }

        package static func < (left: Line, right: Line) -> Bool { (left.table, left.text) < (right.table, right.text) }
    }

    package var found: [Line]
    package var wanted: [Line]

    package init(found: [Line], wanted: [Line]) {
        self.found = found
        self.wanted = wanted
    }

    /// What the migrations make and is not there.
    package var missing: [String] { Set(wanted).subtracting(found).sorted().map(\.text) }

    /// What is there in our tables and no migration makes. Tables of others are nobody's business here.
    package var added: [String] {
        let ours = Set(wanted.map(\.table))
        return Set(found).subtracting(wanted).filter { ours.contains($0.table) }.sorted().map(\.text)
    }
}
