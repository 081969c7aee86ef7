extension PostgresPool {
    /// What is said on a channel, from the moment ``PostgresNotification/listening`` is told. It comes on a connection of its
    /// own, which is opened again by itself when it is lost; the stream ends with the pool, the connection with the stream.
    ///
    /// A notification is a hint, not a record: after each `listening`, look for what there is. Behind a pooler nothing can be
    /// heard, and the stream says so.
    /// - Parameter channel: 1 to 63 bytes.
    package nonisolated func notifications(of channel: String) -> AsyncStream<PostgresNotification> {
        precondition((1...63).contains(channel.utf8.count), "The name of a channel has 1 to 63 bytes.")
        let (stream, continuation) = AsyncStream.makeStream(
            of: PostgresNotification.self, bufferingPolicy: .bufferingNewest(PostgresListener.mostWaiting))
        thread.perform { self.assumeIsolated { $0.listen(channel, continuation) } }
        return stream
    }
}

extension PostgresStatement {
    /// Tells everybody who listens on a channel, when the transaction is committed.
    /// - Parameters:
    ///   - channel: 1 to 63 bytes.
    ///   - payload: less than 8000 bytes.
    package static func notify(_ channel: String, _ payload: String) -> PostgresStatement {
        PostgresStatement("SELECT pg_notify($1, $2)", [.text(channel), .text(payload)])
    }
}
