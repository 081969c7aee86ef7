/// Everything that can be set, with its default. Keys are in ``SettingKeys``.
package struct Settings: Sendable, Equatable {
    package var environment = "development"
    package var serverHost = "127.0.0.1"
    package var serverPort = 8080
    /// Event loops; 0 for one for each processor the process may use.
    package var serverThreads = 0
    package var shutdownDrainSeconds = 0
    package var shutdownForceSeconds = 30
    package var maxAdminBodySize = 8 << 20
    package var compressionEnabled = true
    package var tlsEnabled = false
    package var tlsCertificatePath = ""
    package var tlsKeyPath = ""
    package var tlsMinimumVersion = "1.2"
    package var http2Enabled = true
    package var http2MaxConcurrentStreams = 100
    package var maxConnections = 10_000
    package var maxConnectionsPerClient = 1024
    package var maxHeaderBytes = 32 << 10
    package var maxHeaders = 100
    package var maxURILength = 8 << 10
    package var headerTimeoutSeconds = 10
    package var bodyTimeoutSeconds = 30
    package var idleTimeoutSeconds = 75
    package var writeTimeoutSeconds = 30
    package var securityHeadersEnabled = true
    package var hstsMaxAgeSeconds = 63_072_000
    package var corsOrigins: [String] = []
    package var corsAllowedHeaders: [String] = []
    package var corsExposedHeaders: [String] = []
    package var corsAllowsCredentials = false
    package var corsMaxAgeSeconds = 600
    package var storageURL = "sqlite:weir.db"
<<<<<<< HEAD
    /// 0 chooses a length that makes a handful of them.
    package var tracePartitionHours = 0
    package var traceHashPartitions = 1
    package var storagePoolSize = 8
    package var storagePoolMinimum = 0
    package var storagePoolWaitMilliseconds = 2000
    package var storageStatementMilliseconds = 10_000
    package var storageConnectSeconds = 5
    package var storageLifetimeSeconds = 1800
    package var storageIdleSeconds = 600
    package var storageCheckSeconds = 15
=======
    package var sharedStateURL = "memory"
    package var sharedStatePrefix = "weir"
    package var sharedStateTimeoutMilliseconds = 50
    package var sharedStateOnFailure = "fail_open"
>>>>>>> e3124de2eac4415f47bd54abd294afc12ef4ce18
    package var maxPayloadSize = 1 << 20
    package var maxJSONDepth = 128
    package var backupFolder = "./backups"
    package var outboundAuthorities = ""
    package var connectorEncryptionKey = ""
    package var breakerEnabled = true
    package var breakerThreshold = 5
    package var breakerRecoverySeconds = 30
    package var maxLoopIterations = 10_000
    package var maxChannelCallDepth = 10
    package var channelCallTimeoutMilliseconds = 30_000
    package var rolloutStickyHeader = ""
    package var queueWorkers = 4
    package var queueBufferSize = 1000
    package var processingTimeoutMilliseconds = 60_000
    package var maxResultSizeBytes = 1 << 20
    package var maxQueueMemoryBytes = 100 << 20
    package var dlqRetryEnabled = true
    package var dlqMaxRetries = 5
    package var dlqPollIntervalSeconds = 30
    package var traceRetentionHours = 72
    package var traceRetentionCount = 0
    package var traceCleanupIntervalSeconds = 3600
    package var queueShutdownSeconds = 30
    package var maskFields: [String] = []
    package var spansEnabled = false
    package var otlpEndpoint = "http://localhost:4318"
    package var otlpHeaders: [String] = []
    package var otlpTimeoutMilliseconds = 10_000
    package var otlpQueueSize = 2048
    package var otlpBatchSize = 512
    package var otlpIntervalMilliseconds = 5000
    package var serviceName = "weir"
    package var spanSampleRate = 1.0
    package var rateLimitEnabled = false
    package var rateLimitDefaultRPS = 100
    package var rateLimitDefaultBurst = 50
    package var rateLimitAdminRPS = 0
    package var rateLimitDataRPS = 0
    package var trustedProxies: [String] = []
    package var logLevel = "info"
    package var logFormat = "auto"
    package var accessLogEnabled = false
    package var metricsEnabled = true
    package var channelsInclude: [String] = []
    package var channelsExclude: [String] = []
    package var channelsNotServed = "404"
    package var clusterHeartbeatMilliseconds = 500
    package var clusterTTLMilliseconds = 2000
    /// Empty for the address it listens on.
    package var clusterAdvertiseURL = ""
    package var adminKeys: [String] = []
    package var adminReadOnlyKeys: [String] = []
    package var adminHeader = "Authorization"
    package var auditRetentionDays = 90
    package var cronEnabled = true
    package var cronPollIntervalMilliseconds = 1000
    package var cronMisfireGraceSeconds = 5
    package var cronMaxCatchUp = 100
    package var cronRetentionDays = 30
    package var cronRetentionCount = 100_000
    package var allowPrivateJWKSURLs = false
    package var mcpEnabled = true

    package init() {}
}
