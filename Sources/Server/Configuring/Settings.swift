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
    package var storageURL = "sqlite:weir.db"
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
    package var rateLimitEnabled = false
    package var rateLimitDefaultRPS = 100
    package var rateLimitDefaultBurst = 50
    package var rateLimitAdminRPS = 0
    package var rateLimitDataRPS = 0
    package var trustedProxies: [String] = []
    package var logLevel = "info"
    package var logFormat = "auto"
    package var metricsEnabled = true
    package var channelsInclude: [String] = []
    package var channelsExclude: [String] = []
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

    package init() {}
}
