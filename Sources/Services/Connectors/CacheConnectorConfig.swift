import Vocabulary
import Workflows

/// A `cache` connector's settings.
package struct CacheConnectorConfig: Sendable {
    package enum Backend: Sendable, Equatable {
        case memory
        case redis(url: String)
    }

    var backend: Backend
    var defaultSeconds: Int?
    /// For all attempts of one call.
    var timeout: Duration
    var retry: CallRetry
    var allowsPrivateAddresses: Bool
    var allowsRead: Bool
    var allowsWrite: Bool

    private static let schemes = ["redis", "rediss"].flatMap { scheme in
        ["", "+sentinel", "+cluster"].map { scheme + $0 + "://" }
    }

    static func read(_ reader: inout InputReader, isOpened: Bool) -> CacheConnectorConfig? {
        reader.checkNames([
            "type", "backend", "url", "default_ttl_secs", "timeout_ms", "retry", "operations", "allow_private_urls",
            "max_connections",
        ])
        let backend = backend(&reader, isOpened)
        let seconds = reader.integer("default_ttl_secs", in: 1...31_536_000)
        let milliseconds = reader.integer("timeout_ms", in: 1...60_000) ?? 1000
        // Each event loop has one connection, over which all calls go.
        _ = reader.integer("max_connections", in: 1...1024)
        let retry = retry(&reader)
        let allowsPrivate = reader.flag("allow_private_urls") ?? false
        var operations = InputReader(reader.field("operations") ?? .null, at: reader.at("operations"))
        operations.checkNames(["read", "write"])
        let allowed = (operations.flag("read") ?? true, operations.flag("write") ?? true)
        reader.absorb(operations)
        guard reader.details.isEmpty, let backend else { return nil }
        return CacheConnectorConfig(
            backend: backend, defaultSeconds: seconds, timeout: .milliseconds(milliseconds), retry: retry,
            allowsPrivateAddresses: allowsPrivate, allowsRead: allowed.0, allowsWrite: allowed.1)
    }

    private static func backend(_ reader: inout InputReader, _ isOpened: Bool) -> Backend? {
        let url = reader.string("url", maxLength: 4096)
        switch reader.string("backend") {
        case "memory": return .memory
        case "redis":
            guard let url, !url.isEmpty else {
                if reader.field("url") == nil || url?.isEmpty == true {
                    reader.report(.init(reader.at("url"), .required, "A `redis` cache needs a URL."))
                }
                return nil
            }
            // What is sealed, masked or a reference is looked at when it is used.
            if !isOpened, !SecretForm.isHidden(url),
                !schemes.contains(where: { url.hasPrefix($0) && url.count > $0.count })
            {
                reader.report(
                    .init(
                        reader.at("url"), .invalid, "The URL must be of a kind of Redis and name a host.",
                        expected: schemes.joined(separator: ", ")))
            }
            return .redis(url: url)
        default:
            reader.report(
                .init(
                    reader.at("backend"), reader.field("backend") == nil ? .required : .invalid,
                    "This is no kind of cache.", expected: "memory, redis"))
            return nil
        }
    }

    private static func retry(_ reader: inout InputReader) -> CallRetry {
        var inner = InputReader(reader.field("retry") ?? .null, at: reader.at("retry"))
        inner.checkNames(["max_retries", "retry_delay_ms"])
        let most = inner.integer("max_retries", in: 0...16) ?? 2
        let delay = inner.integer("retry_delay_ms", in: 1...60_000) ?? 50
        reader.absorb(inner)
        return CallRetry(maxRetries: most, delay: .milliseconds(delay), repeatsUnsafeMethods: false)
    }
}
