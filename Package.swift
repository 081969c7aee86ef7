// swift-tools-version: 6.1
import PackageDescription

let swift: [SwiftSetting] = [
    .enableUpcomingFeature("InternalImportsByDefault"), .enableUpcomingFeature("ExistentialAny"),
]

// Products that several rooms use.
extension Target.Dependency {
    static var logging: Self { .product(name: "Logging", package: "swift-log") }
    static var crypto: Self { .product(name: "Crypto", package: "swift-crypto") }
    static var asyncHTTPClient: Self { .product(name: "AsyncHTTPClient", package: "async-http-client") }
    static var nioCore: Self { .product(name: "NIOCore", package: "swift-nio") }
    static var nioHTTP1: Self { .product(name: "NIOHTTP1", package: "swift-nio") }
    static var nioPosix: Self { .product(name: "NIOPosix", package: "swift-nio") }
    static var nioSSL: Self { .product(name: "NIOSSL", package: "swift-nio-ssl") }
    static var nioHPACK: Self { .product(name: "NIOHPACK", package: "swift-nio-http2") }
}

let package = Package(
    name: "weir",
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ],
    targets: [
        .target(name: "CJSON", path: "Sources/Core/CJSON", cSettings: [.unsafeFlags(["-O2"])]),
        .target(name: "Vocabulary", path: "Sources/Core/Vocabulary", swiftSettings: swift),
        .target(
            name: "JSONTree", dependencies: ["CJSON", "Vocabulary"], path: "Sources/Core/JSONTree", swiftSettings: swift
        ),
        .target(
            name: "JSONLogic", dependencies: ["CJSON", "JSONTree", "Vocabulary"], path: "Sources/Core/JSONLogic",
            swiftSettings: swift),
        .systemLibrary(name: "CExpat", path: "Sources/Core/CExpat"),
        .target(
            name: "XMLCoding", dependencies: ["CExpat", "JSONTree"], path: "Sources/Core/XMLCoding",
            swiftSettings: swift, linkerSettings: [.linkedLibrary(":libexpat.a")]),
        .target(
            name: "CRegex", path: "Sources/Core/CRegex",
            linkerSettings: [.linkedLibrary(":libre2.a"), .linkedLibrary("stdc++")]),
        .target(name: "Patterns", dependencies: ["CRegex"], path: "Sources/Core/Patterns", swiftSettings: swift),
        .target(
            name: "Telemetry", dependencies: ["JSONTree", "Vocabulary", .logging], path: "Sources/Core/Telemetry",
            swiftSettings: swift),
        .target(
            name: "Timetables", dependencies: ["Vocabulary"], path: "Sources/Core/Timetables", swiftSettings: swift),
        .target(name: "Storage", dependencies: ["Vocabulary"], path: "Sources/Ports/Storage", swiftSettings: swift),
        .target(name: "Outbound", path: "Sources/Ports/Outbound", swiftSettings: swift),
        .target(
            name: "SharedState", dependencies: ["Vocabulary"], path: "Sources/Ports/SharedState", swiftSettings: swift),
        .target(
            name: "Connectors",
            dependencies: ["Vocabulary", "JSONTree", "Outbound", "Storage", "Telemetry", "Workflows", .crypto],
            path: "Sources/Services/Connectors", swiftSettings: swift),
        .target(
            name: "OutboundHTTPClient",
            dependencies: [
                "HostLookup", "Outbound", "Vocabulary", .asyncHTTPClient, .nioCore, .nioHTTP1, .nioPosix, .nioSSL,
            ], path: "Sources/Adapters/OutboundHTTPClient", swiftSettings: swift),
        .target(
            name: "Authentication",
            dependencies: [
                "Vocabulary", "JSONTree", "Outbound", .crypto, .product(name: "JWTKit", package: "jwt-kit"),
            ], path: "Sources/Services/Authentication", swiftSettings: swift),
        .target(
            name: "Admission", dependencies: ["SharedState", "Vocabulary"], path: "Sources/Services/Admission",
            swiftSettings: swift),
        .target(
            name: "Workflows",
            dependencies: [
                "Vocabulary", "JSONTree", "JSONLogic", "Patterns", "XMLCoding", "Outbound", "Telemetry",
                "Authentication", .crypto, .product(name: "Mustache", package: "swift-mustache"),
            ], path: "Sources/Services/Workflows", swiftSettings: swift),
        .target(
            name: "Traces", dependencies: ["Vocabulary", "Storage"], path: "Sources/Services/Traces",
            swiftSettings: swift),
        .target(
            name: "Definitions",
            dependencies: [
                "Vocabulary", "JSONTree", "JSONLogic", "Storage", "Authentication", "Timetables", "Workflows", .crypto,
            ], path: "Sources/Services/Definitions", swiftSettings: swift),
        .target(
            name: "SpanExport", dependencies: ["JSONTree", "Outbound", "Telemetry", "Vocabulary"],
            path: "Sources/Services/SpanExport", swiftSettings: swift),
        .target(
            name: "Channels",
            dependencies: [
                "Vocabulary", "JSONTree", "JSONLogic", "Telemetry", "Storage", "Admission", "Authentication",
                "Connectors", "Workflows", "Traces", "Definitions",
            ], path: "Sources/Services/Channels", swiftSettings: swift),
        .target(
            name: "Cluster", dependencies: ["Storage", "Vocabulary"], path: "Sources/Services/Cluster",
            swiftSettings: swift),
        .target(
            name: "Schedules",
            dependencies: [
                "Vocabulary", "JSONTree", "Storage", "Timetables", "Traces", "Definitions", "Channels", "Cluster",
            ], path: "Sources/Services/Schedules", swiftSettings: swift),
        .target(
            name: "AdminAPI",
            dependencies: [
                "Vocabulary", "JSONTree", "Cluster", "Connectors", "Storage", "Telemetry", "Traces", "Workflows",
                "Definitions", "Schedules", "Timetables", .crypto,
            ], path: "Sources/Server/AdminAPI", swiftSettings: swift),
        .target(
            name: "MCP", dependencies: ["AdminAPI", "JSONTree", "Storage", "Vocabulary", "Workflows"],
            path: "Sources/Server/MCP", swiftSettings: swift),
        .systemLibrary(name: "CSQLite", path: "Sources/Adapters/CSQLite"),
        .target(
            name: "StorageSQLite", dependencies: ["SQLiteDriver", "Storage", "StorageSQL", "Vocabulary"],
            path: "Sources/Adapters/StorageSQLite", swiftSettings: swift),
        .target(
            name: "StorageSQL", dependencies: ["ConnectionPooling", "Storage", "Vocabulary", .crypto],
            path: "Sources/Adapters/StorageSQL", swiftSettings: swift),
        .target(
            name: "StoragePostgres",
            dependencies: ["ConnectionPooling", "PostgresDriver", "Storage", "StorageSQL", "Vocabulary"],
            path: "Sources/Adapters/StoragePostgres", swiftSettings: swift),
        .target(
            name: "OutboundReplay", dependencies: ["JSONTree", "Outbound", "Vocabulary"],
            path: "Sources/Adapters/OutboundReplay", swiftSettings: swift),
        .target(
            name: "OutboundSQLite", dependencies: ["Outbound", "SQLiteDriver", "Storage", "Vocabulary"],
            path: "Sources/Adapters/OutboundSQLite", swiftSettings: swift),
        .target(
            name: "OutboundPostgres",
            dependencies: ["ConnectionPooling", "JSONTree", "Outbound", "PostgresDriver", "Vocabulary"],
            path: "Sources/Adapters/OutboundPostgres", swiftSettings: swift),
        .target(
            name: "SQLiteDriver", dependencies: ["CSQLite", "Storage", "Vocabulary"],
            path: "Sources/Adapters/SQLiteDriver", swiftSettings: swift,
            linkerSettings: [.linkedLibrary(":libsqlite3.a"), .linkedLibrary("m"), .linkedLibrary("dl")]),
        .systemLibrary(name: "CEvents", path: "Sources/Adapters/CEvents"),
        .target(
            name: "ConnectionPooling", dependencies: ["CEvents"], path: "Sources/Adapters/ConnectionPooling",
            swiftSettings: swift),
        .target(name: "CPostgres", path: "Sources/Adapters/CPostgres"),
        .target(
            name: "PostgresDriver",
            dependencies: ["ConnectionPooling", "CPostgres", "HostLookup", "Storage", "Vocabulary"],
            path: "Sources/Adapters/PostgresDriver", swiftSettings: swift),
        .target(
            name: "RedisDriver", dependencies: ["HostLookup", "Vocabulary", .crypto, .nioCore, .nioPosix, .nioSSL],
            path: "Sources/Adapters/RedisDriver", swiftSettings: swift),
        .target(
            name: "OutboundRedis", dependencies: ["Outbound", "RedisDriver", .nioCore],
            path: "Sources/Adapters/OutboundRedis", swiftSettings: swift),
        .target(
            name: "SharedStateRedis", dependencies: ["RedisDriver", "SharedState", "Vocabulary", .crypto, .nioCore],
            path: "Sources/Adapters/SharedStateRedis", swiftSettings: swift),
        .target(name: "CMySQL", path: "Sources/Adapters/CMySQL"),
        .target(name: "HostLookup", path: "Sources/Adapters/HostLookup", swiftSettings: swift),
        .target(
            name: "MySQLDriver", dependencies: ["ConnectionPooling", "CMySQL", "HostLookup", "Storage", "Vocabulary"],
            path: "Sources/Adapters/MySQLDriver", swiftSettings: swift),
        .target(
            name: "StorageMySQL",
            dependencies: ["ConnectionPooling", "MySQLDriver", "Storage", "StorageSQL", "Vocabulary"],
            path: "Sources/Adapters/StorageMySQL", swiftSettings: swift),
        .target(
            name: "OutboundMySQL",
            dependencies: ["ConnectionPooling", "JSONTree", "MySQLDriver", "Outbound", "Vocabulary"],
            path: "Sources/Adapters/OutboundMySQL", swiftSettings: swift),
        .systemLibrary(name: "CZlib", path: "Sources/Adapters/CZlib"),
        .target(
            name: "HTTPServing",
            dependencies: [
                "Vocabulary", "CZlib", .nioCore, .nioPosix, .product(name: "NIOTLS", package: "swift-nio"), .nioSSL,
                .product(name: "NIOHTTP2", package: "swift-nio-http2"), .nioHPACK,
            ], path: "Sources/Server/HTTPServing", swiftSettings: swift, linkerSettings: [.linkedLibrary(":libz.a")]),
        .target(
            name: "Configuring", dependencies: ["Vocabulary", .product(name: "TOMLKit", package: "TOMLKit")],
            path: "Sources/Server/Configuring", swiftSettings: swift),
        .target(
            name: "HTTPAPI",
            dependencies: [
                "Vocabulary", "JSONTree", "Telemetry", "Storage", "SharedState", "Admission", "Authentication",
                "Workflows", "Traces", "Definitions", "Channels", "HTTPServing", "AdminAPI", "MCP", .nioCore, .nioPosix,
                .crypto,
            ], path: "Sources/Server/HTTPAPI", swiftSettings: swift),
        .target(
            name: "Assembly",
            dependencies: [
                "ConnectionPooling", "Vocabulary", "JSONTree", "Telemetry", "Storage", "StorageMySQL",
                "StoragePostgres", "StorageSQL", "StorageSQLite", "SharedState", "SharedStateRedis", "Admission",
                "Outbound", "OutboundHTTPClient", "OutboundMySQL", "OutboundPostgres", "OutboundRedis",
                "OutboundSQLite", "Authentication", "Cluster", "Connectors", "Schedules", "SpanExport", "Workflows",
                "Traces", "Definitions", "Channels", "HTTPServing", "HTTPAPI", "AdminAPI", "MCP", "Remote",
                "Configuring", .logging, .nioCore, .nioPosix,
            ], path: "Sources/Server/Assembly", swiftSettings: swift),
        .target(
            name: "Remote",
            dependencies: [
                "JSONTree", "Storage", "Connectors", "Definitions", "Vocabulary", .asyncHTTPClient, .nioCore, .nioHTTP1,
                .nioPosix, .nioSSL,
            ], path: "Sources/Server/Remote", swiftSettings: swift),
        .target(
            name: "Cases",
            dependencies: [
                "Authentication", "Channels", "Connectors", "Definitions", "HTTPAPI", "JSONTree", "Outbound",
                "OutboundReplay", "Remote", "Storage", "Telemetry", "Vocabulary", "Workflows",
            ], path: "Sources/Server/Cases", swiftSettings: swift),
        .executableTarget(
            name: "weir",
            dependencies: [
                "Assembly", "Cases", "Configuring", "JSONLogic", "JSONTree", "Remote", "Storage", "Telemetry",
                "Vocabulary", .product(name: "ArgumentParser", package: "swift-argument-parser"), .logging,
            ], path: "Sources/Server/weir", swiftSettings: swift),
        .executableTarget(
            name: "LogicBenchmark", dependencies: ["JSONLogic", "JSONTree", "Vocabulary"],
            path: "Benchmarks/LogicBenchmark"),
        .executableTarget(
            name: "PostgresBenchmark",
            dependencies: ["ConnectionPooling", "PostgresDriver", "RealServices", "Vocabulary"],
            path: "Benchmarks/PostgresBenchmark"),
        .executableTarget(
            name: "JSONBenchmark", dependencies: ["JSONTree", "Vocabulary"], path: "Benchmarks/JSONBenchmark"),
        .executableTarget(
            name: "RedisBenchmark", dependencies: ["RedisDriver", "Vocabulary", .nioCore, .nioPosix],
            path: "Benchmarks/RedisBenchmark"),
        .target(
            name: "TokenForging", dependencies: [.crypto, .product(name: "CryptoExtras", package: "swift-crypto")],
            path: "Tests/Support/TokenForging"),
        .target(name: "RealServices", path: "Tests/Support/RealServices", swiftSettings: swift),
        .target(name: "Seeds", path: "Tests/Support/Seeds", swiftSettings: swift),
        .testTarget(
            name: "VocabularyTests", dependencies: ["Seeds", "Vocabulary"], path: "Tests/Core/VocabularyTests"),
        .testTarget(
            name: "JSONTreeTests", dependencies: ["JSONTree", "Seeds", "Vocabulary"], path: "Tests/Core/JSONTreeTests"),
        .testTarget(
            name: "XMLCodingTests", dependencies: ["JSONTree", "Seeds", "XMLCoding"], path: "Tests/Core/XMLCodingTests"),
        .testTarget(name: "PatternsTests", dependencies: ["Patterns", "Seeds"], path: "Tests/Core/PatternsTests"),
        .testTarget(
            name: "TelemetryTests", dependencies: ["Telemetry", "JSONTree", "Vocabulary", .logging],
            path: "Tests/Core/TelemetryTests"),
        .testTarget(
            name: "AdmissionTests", dependencies: ["Admission", "Seeds", "SharedState", "Vocabulary"],
            path: "Tests/Services/AdmissionTests"),
        .testTarget(
            name: "JSONLogicTests", dependencies: ["JSONLogic", "JSONTree", "Seeds"], path: "Tests/Core/JSONLogicTests",
            exclude: ["Fixtures"]),
        .testTarget(
            name: "WorkflowsTests", dependencies: ["JSONTree", "Seeds", "TokenForging", "Vocabulary", "Workflows"],
            path: "Tests/Services/WorkflowsTests", exclude: ["Fixtures"]),
        .testTarget(
            name: "AuthenticationTests",
            dependencies: ["Authentication", "JSONTree", "Outbound", "Seeds", "TokenForging", "Vocabulary", .crypto],
            path: "Tests/Services/AuthenticationTests"),
        .testTarget(
            name: "ConnectorsTests", dependencies: ["Connectors", "JSONTree", "Outbound", "Seeds", "Vocabulary"],
            path: "Tests/Services/ConnectorsTests"),
        .testTarget(name: "OutboundTests", dependencies: ["Outbound"], path: "Tests/Ports/OutboundTests"),
        .testTarget(
            name: "TracesTests", dependencies: ["Storage", "Traces", "Vocabulary"], path: "Tests/Services/TracesTests"),
        .testTarget(
            name: "TimetablesTests", dependencies: ["Seeds", "Timetables", "Vocabulary"],
            path: "Tests/Core/TimetablesTests"),
        .testTarget(
            name: "SchedulesTests",
            dependencies: [
                "Channels", "Cluster", "Connectors", "Definitions", "JSONTree", "Schedules", "Seeds", "Storage",
                "Telemetry", "Traces", "Vocabulary", "Workflows",
            ], path: "Tests/Services/SchedulesTests"),
        .testTarget(
            name: "ClusterTests", dependencies: ["Cluster", "Seeds", "Storage", "Vocabulary"],
            path: "Tests/Services/ClusterTests"),
        .testTarget(
            name: "ChannelsTests", dependencies: ["Channels", "Definitions"], path: "Tests/Services/ChannelsTests"),
        .testTarget(
            name: "DefinitionsTests", dependencies: ["Definitions", "JSONTree", "Seeds", "Storage", "Vocabulary"],
            path: "Tests/Services/DefinitionsTests"),
        .testTarget(
            name: "HTTPServingTests", dependencies: ["HTTPServing", "Seeds", "Vocabulary", .nioCore, .nioHPACK],
            path: "Tests/Server/HTTPServingTests"),
        .testTarget(
            name: "HTTPAPITests", dependencies: ["HTTPAPI", "Seeds", "Telemetry"], path: "Tests/Server/HTTPAPITests"),
        .testTarget(
            name: "AdminAPITests", dependencies: ["AdminAPI", "Seeds", "Storage", "Vocabulary"],
            path: "Tests/Server/AdminAPITests"),
        .testTarget(
            name: "AssemblyTests", dependencies: ["Assembly", "Vocabulary"], path: "Tests/Server/AssemblyTests"),
        .testTarget(name: "ConfiguringTests", dependencies: ["Configuring"], path: "Tests/Server/ConfiguringTests"),
        .testTarget(name: "CasesTests", dependencies: ["Cases", "JSONTree", "Seeds"], path: "Tests/Server/CasesTests"),
        .testTarget(
            name: "SpanExportTests",
            dependencies: ["JSONTree", "Outbound", "Seeds", "SpanExport", "Telemetry", "Vocabulary"],
            path: "Tests/Services/SpanExportTests"),
        .testTarget(
            name: "OutboundReplayTests", dependencies: ["Outbound", "OutboundReplay", "Seeds", "Vocabulary"],
            path: "Tests/Adapters/OutboundReplayTests"),
        .testTarget(
            name: "RemoteTests", dependencies: ["Definitions", "JSONTree", "Remote", "Seeds", "Storage"],
            path: "Tests/Server/RemoteTests"),
        .target(
            name: "StorageConformance", dependencies: ["Storage", "Vocabulary"],
            path: "Tests/Support/StorageConformance", swiftSettings: swift),
        .target(
            name: "SharedStateConformance", dependencies: ["Seeds", "SharedState", "Vocabulary"],
            path: "Tests/Support/SharedStateConformance", swiftSettings: swift),
        .testTarget(
            name: "SharedStateTests", dependencies: ["SharedState", "SharedStateConformance", "Vocabulary"],
            path: "Tests/Ports/SharedStateTests"),
        .testTarget(
            name: "OutboundHTTPClientTests", dependencies: ["Outbound", "OutboundHTTPClient", "Seeds", .nioCore],
            path: "Tests/Adapters/OutboundHTTPClientTests"),
        .testTarget(
            name: "StorageTests", dependencies: ["Storage", "StorageConformance"], path: "Tests/Ports/StorageTests"),
        .testTarget(
            name: "StorageSQLiteTests",
            dependencies: [
                "SQLiteDriver", "Storage", "StorageConformance", "StorageSQL", "StorageSQLite", "Vocabulary",
            ], path: "Tests/Adapters/StorageSQLiteTests"),
        .testTarget(
            name: "ConnectionPoolingTests", dependencies: ["ConnectionPooling", "Seeds"],
            path: "Tests/Adapters/ConnectionPoolingTests"),
        .testTarget(
            name: "MySQLDriverTests",
            dependencies: ["ConnectionPooling", "MySQLDriver", "RealServices", "Seeds", "Storage", "Vocabulary"],
            path: "Tests/Adapters/MySQLDriverTests"),
        .testTarget(
            name: "StorageMySQLTests",
            dependencies: [
                "ConnectionPooling", "MySQLDriver", "RealServices", "Storage", "StorageConformance", "StorageMySQL",
                "StorageSQL", "Vocabulary",
            ], path: "Tests/Adapters/StorageMySQLTests"),
        .testTarget(
            name: "PostgresDriverTests",
            dependencies: [
                "ConnectionPooling", "CPostgres", "PostgresDriver", "RealServices", "Seeds", "Storage", "Vocabulary",
            ], path: "Tests/Adapters/PostgresDriverTests"),
        .testTarget(
            name: "StoragePostgresTests",
            dependencies: [
                "ConnectionPooling", "PostgresDriver", "RealServices", "Seeds", "Storage", "StorageConformance",
                "StoragePostgres", "StorageSQL", "StorageSQLite", "Vocabulary",
            ], path: "Tests/Adapters/StoragePostgresTests"),
        .testTarget(
            name: "RedisDriverTests", dependencies: ["RealServices", "RedisDriver", "Seeds", .nioCore, .nioPosix],
            path: "Tests/Adapters/RedisDriverTests"),
        .testTarget(
            name: "SharedStateRedisTests",
            dependencies: ["RealServices", "SharedState", "SharedStateConformance", "SharedStateRedis", .nioPosix],
            path: "Tests/Adapters/SharedStateRedisTests"),
        .testTarget(
            name: "ScenarioTests", dependencies: ["RealServices", "Seeds", "TokenForging"],
            path: "Tests/EndToEnd/ScenarioTests"),
    ],
    swiftLanguageModes: [.v6], cxxLanguageStandard: .cxx17
)
