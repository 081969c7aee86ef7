package import Vocabulary

/// What a null stands in for: some databases want to know before they plan.
package enum StoreType: Sendable, Equatable, CaseIterable {
    case integer, real, bool, text, bytes, uuid
}

/// A value that goes to a database, apart from the SQL. Times are integers: microseconds since 1970.
package enum StoreValue: Sendable, Equatable {
    case null(StoreType)
    case integer(Int64)
    case real(Double)
    case bool(Bool)
    case text(String)
    case bytes([UInt8])
    case uuid(Identifier)
    /// Lists stand only where ``Dialect/among(_:_:isNegated:)`` puts them.
    case texts([String])
    case uuids([Identifier])

    package static func integer(_ value: Int64?) -> StoreValue { value.map { .integer($0) } ?? .null(.integer) }
    package static func time(_ value: Timestamp?) -> StoreValue { .integer(value?.microseconds) }

    /// The members of a list; a value that is none is its own only member.
    var members: [StoreValue] {
        switch self {
        case .texts(let values): values.map { .text($0) }
        case .uuids(let values): values.map { .uuid($0) }
        default: [self]
        }
    }
}

/// One statement with its values, in the order of its parameter marks. Drivers keep statements prepared by their text,
/// so one text always comes with values of the same types.
package struct StoreStatement: Sendable, Equatable {
    package var sql: String
    package var values: [StoreValue]

    package init(_ sql: String, _ values: [StoreValue] = []) {
        self.sql = sql
        self.values = values
    }
}
