import CPostgres

/// A row in PostgreSQL's text format, as it arrives; it is gone when whoever was shown it returns.
package struct PostgresLine {
    let result: OpaquePointer

    package var count: Int { Int(PQnfields(result)) }

    package func name(_ column: Int) -> String { PQfname(result, Int32(column)).map { String(cString: $0) } ?? "" }

    /// The object id of its type (catalogue `pg_type`).
    package func type(_ column: Int) -> UInt32 { PQftype(result, Int32(column)) }

    /// nil for null.
    package func bytes(_ column: Int) -> UnsafeRawBufferPointer? {
        guard PQgetisnull(result, 0, Int32(column)) == 0 else { return nil }
        return UnsafeRawBufferPointer(
            start: PQgetvalue(result, 0, Int32(column)), count: Int(PQgetlength(result, 0, Int32(column))))
    }

    var size: Int { (0..<Int32(count)).reduce(0) { $0 + Int(PQgetlength(result, 0, $1)) } }
}

/// One statement of somebody else's database: its parameters are texts, whose types PostgreSQL infers.
package struct PostgresQuery: Sendable {
    package var sql: String
    package var parameters: [String?]
    /// It runs in a transaction that cannot write.
    package var onlyReads: Bool
    /// ``Stopwatch`` nanoseconds until which it may take, waiting for a connection included.
    package var deadline: UInt64
    /// More is refused, as it arrives: nothing is collected that is not given out.
    package var mostRows: Int
    package var mostBytes: Int

    package init(
        sql: String, parameters: [String?], onlyReads: Bool, deadline: UInt64, mostRows: Int, mostBytes: Int
    ) {
        self.sql = sql
        self.parameters = parameters
        self.onlyReads = onlyReads
        self.deadline = deadline
        self.mostRows = mostRows
        self.mostBytes = mostBytes
    }
}
