package import NIOCore
package import Outbound
import RedisDriver
import Synchronization

/// Caches of others that are Redis: one server, a master of Sentinel, or a cluster.
package final class RedisCaches: CacheOpening {
    private let group: any EventLoopGroup
    private let authorities: String
    /// Those that may still be open, to be closed with the server.
    private let opened = Mutex<[Weak]>([])

    private struct Weak: Sendable {
        weak var cache: RedisCache?
    }

    /// - Parameters:
    ///   - group: the loops to work on.
    ///   - authorities: a PEM file of certificates that are trusted besides the system's; empty for none.
    package init(group: any EventLoopGroup, authorities: String = "") {
        self.group = group
        self.authorities = authorities
    }

    package var schemes: [String] { RedisURL.schemes }

    package func open(url: String, allowsPrivateAddresses: Bool) throws(CacheFailure) -> any OutboundCache {
        var options = RedisOptions()
        options.authorities = authorities
        options.openTimeout = .seconds(5)
        if !allowsPrivateAddresses { options.mayConnect = { AddressRule.isPublic($0) } }
        let address: RedisURL
        do throws(RedisURL.Malformed) { address = try RedisURL(url) } catch {
            throw .denied("the URL cannot be used: \(error.reason)")
        }
        do throws(RedisFailure) {
            let cache = RedisCache(try RedisClient(address, group: group, options: options))
            opened.withLock { opened in
                opened.removeAll { $0.cache == nil }
                opened.append(Weak(cache: cache))
            }
            return cache
        } catch {
            throw .denied(error.sentence)
        }
    }

    /// Closes what is open. Nothing may be asked afterwards.
    package func shutDown() async {
        let caches = opened.withLock { $0.compactMap(\.cache) }
        for cache in caches { await cache.close() }
    }
}
