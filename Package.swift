// swift-tools-version: 6.1
import PackageDescription

let swift: [SwiftSetting] = [
    .enableUpcomingFeature("InternalImportsByDefault"), .enableUpcomingFeature("ExistentialAny"),
]

let package = Package(
    name: "weir",
    targets: [
        .target(name: "CJSON", path: "Sources/Core/CJSON", cSettings: [.unsafeFlags(["-O2"])]),
        .target(name: "Vocabulary", path: "Sources/Core/Vocabulary", swiftSettings: swift),
        .target(
            name: "JSONTree", dependencies: ["CJSON", "Vocabulary"], path: "Sources/Core/JSONTree", swiftSettings: swift),
    ],
    swiftLanguageModes: [.v6]
)
