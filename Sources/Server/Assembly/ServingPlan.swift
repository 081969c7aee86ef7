import Configuring
import Definitions
import HTTPAPI
import HTTPServing

/// How requests will be received, made of the settings before anything is opened: what is wrong stops the start.
struct ServingPlan: Sendable {
    /// Nil where connections are plain.
    let identity: TLSIdentity?
    let limits: HTTPServerLimits
    let clientAddress: ClientAddress
    let crossOrigin: CrossOrigin
    let connections: ConnectionCounts
    let bodyLimits: BodyLimits

    init(_ settings: Settings) throws {
        if let fault = ClientAddress.fault(in: settings.trustedProxies) { throw StartFailure(fault) }
        let address = ClientAddress(trustedProxies: settings.trustedProxies)
        clientAddress = address
        crossOrigin = try Self.crossOrigin(settings)
        identity = try Self.identity(settings)
        limits = Self.limits(settings)
        bodyLimits = BodyLimits(data: settings.maxPayloadSize, admin: settings.maxAdminBodySize)
        connections = ConnectionCounts(
            most: settings.maxConnections, mostOfClient: settings.maxConnectionsPerClient,
            isExempt: { address.isProxy($0) })
    }

    private static func identity(_ settings: Settings) throws -> TLSIdentity? {
        guard settings.tlsEnabled else { return nil }
        do throws(TLSFault) {
            return try TLSIdentity(
                TLSFiles(
                    certificates: settings.tlsCertificatePath, key: settings.tlsKeyPath,
                    needsTLS13: settings.tlsMinimumVersion == "1.3", speaksHTTP2: settings.http2Enabled))
        } catch {
            throw StartFailure(error.description)
        }
    }

    private static func limits(_ settings: Settings) -> HTTPServerLimits {
        var limits = HTTPServerLimits()
        limits.maxHeadBytes = settings.maxHeaderBytes
        limits.maxHeaders = settings.maxHeaders
        limits.maxTargetBytes = settings.maxURILength
        limits.headSeconds = settings.headerTimeoutSeconds
        limits.bodySeconds = settings.bodyTimeoutSeconds
        limits.idleSeconds = settings.idleTimeoutSeconds
        limits.writeSeconds = settings.writeTimeoutSeconds
        limits.compresses = settings.compressionEnabled
        limits.speaksHTTP2 = settings.http2Enabled
        limits.maxStreams = settings.http2MaxConcurrentStreams
        limits.sendsSecurityHeaders = settings.securityHeadersEnabled
        limits.strictTransportSeconds = settings.hstsMaxAgeSeconds
        return limits
    }

    private static func crossOrigin(_ settings: Settings) throws -> CrossOrigin {
        guard !settings.corsOrigins.isEmpty else { return CrossOrigin(platform: nil, admin: nil) }
        let origins = try settings.corsOrigins.map { text in
            guard let pattern = OriginPattern(text) else {
                throw StartFailure(
                    "`\(text)` in cors.allowed_origins is no origin: write https://example.com, https://*.example.com, "
                        + "http://localhost:* or *.")
            }
            return pattern
        }
        func policy(_ origins: [OriginPattern], alsoHeaders: [String] = []) -> CORSPolicy {
            CORSPolicy(
                origins: origins, headers: CORSPolicy.usualHeaders + settings.corsAllowedHeaders + alsoHeaders,
                exposed: CORSPolicy.usualExposed + settings.corsExposedHeaders,
                allowsCredentials: settings.corsAllowsCredentials, maxAgeSeconds: settings.corsMaxAgeSeconds)
        }
        // Without a key, `*` would let every page its operator visits change the definitions.
        let forAdmin = settings.adminKeys.isEmpty ? origins.filter { !$0.isAny } : origins
        return CrossOrigin(
            platform: policy(origins),
            admin: forAdmin.isEmpty ? nil : policy(forAdmin, alsoHeaders: ["mcp-protocol-version"]))
    }
}
