/// One thing that took time: a run, a task, a call through a connector (OpenTelemetry, data model of traces).
package struct Span: Sendable, Equatable {
    /// The numbers are OTLP's.
    package enum Kind: Int, Sendable {
        case `internal` = 1
        case server, client, producer, consumer
    }

    package enum Value: Sendable, Equatable {
        case text(String)
        case number(Int64)
    }

    package struct Attribute: Sendable, Equatable {
        package var key: String
        package var value: Value

        package init(_ key: String, _ value: Value) {
            self.key = key
            self.value = value
        }

        package init(_ key: String, _ text: String) { self.init(key, .text(text)) }
        package init(_ key: String, _ number: Int) { self.init(key, .number(Int64(number))) }
    }

    package var name: String
    package var kind: Kind
    package var id: UInt64
    /// 0 where nothing is above it.
    package var parent: UInt64
    /// ``Stopwatch`` nanoseconds.
    package var start: UInt64
    package var end: UInt64
    package var attributes: [Attribute]
    /// A sentence where it failed; nil where it did not.
    package var failure: String?

    package init(
        _ name: String, _ kind: Kind, id: UInt64, parent: UInt64, start: UInt64, end: UInt64, attributes: [Attribute],
        failure: String? = nil
    ) {
        self.name = name
        self.kind = kind
        self.id = id
        self.parent = parent
        self.start = start
        self.end = end
        self.attributes = attributes
        self.failure = failure
    }

    /// Not zero, which means none.
    package static func makeID() -> UInt64 { SpanNumbers.next() }
}
