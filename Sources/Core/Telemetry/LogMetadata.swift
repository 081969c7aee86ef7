import Logging

/// The values that go with a message: the handler's, then the provider's, then the message's own; the later wins.
enum LogMetadata {
    static func merged(
        _ handlers: Logger.Metadata, _ provider: Logger.MetadataProvider?, _ messages: Logger.Metadata?
    ) -> Logger.Metadata {
        var all = handlers
        if let provided = provider?.get() { all.merge(provided) { $1 } }
        if let messages { all.merge(messages) { $1 } }
        return all
    }
}
