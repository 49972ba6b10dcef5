// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

/// The compiler is the first reviewer: see `ARCHITECTURE.md`.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]
/// Shipped code marks every use of unsafe memory; tests may be careless with pointers.
let shipped = strict + [.strictMemorySafety()]

let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

/// libFuzzer brings its own `main`, so this executable is only there when `make fuzz` asks for it.
let fuzz: [Target] =
    Context.environment["BILGE_FUZZ"] == nil
    ? []
    : [
        .executableTarget(
            name: "Fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzz/Main",
            swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])])
    ]

let package = Package(
    name: "bilge",
    products: [.executable(name: "bilge", targets: ["bilge"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    ],
    targets: [
        .target(name: "Model", swiftSettings: shipped),
        .target(name: "CDisk"),
        .target(name: "Disk", dependencies: ["Model", "CDisk", system], swiftSettings: shipped),
        .target(
            name: "Engine",
            dependencies: [
                "Model", "CDisk", "Disk", system, logging,
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: shipped),
        .target(name: "Observe", dependencies: ["Model", "Disk", system], swiftSettings: shipped),
        .target(name: "Decide", dependencies: ["Model"], swiftSettings: shipped),
        .target(name: "Act", dependencies: ["Model", "Disk", system, logging], swiftSettings: shipped),
        .target(
            name: "Flow", dependencies: ["Model", "Disk", "Engine", "Observe", "Decide", "Act", system, logging],
            swiftSettings: shipped),
        .target(name: "Demo", dependencies: ["Model", "Disk", system], swiftSettings: shipped),
        .executableTarget(
            name: "bilge",
            dependencies: [
                "Model", "Disk", "Engine", "Observe", "Decide", "Act", "Flow", "Demo", system, logging,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: shipped),

        .target(
            name: "TestSupport", dependencies: ["Model", "Disk", system], path: "Tests/Support", swiftSettings: strict),
        tests("ModelTests", ["Model"]),
        tests("DiskTests", ["Disk", "Model"]),
        tests("EngineTests", ["Engine", "Model"], exclude: ["Answers"]),
        tests("ObserveTests", ["Observe", "Decide", "Disk", "Model"]),
        tests("DecideTests", ["Decide", "Model"]),
        tests("ActTests", ["Act", "Disk", "Model"], products: [logging]),
        tests("DemoTests", ["Demo", "Observe", "Decide", "Disk", "Model"]),
        tests("FlowTests", ["Flow", "Act", "Observe", "Decide", "Demo", "Engine", "Disk", "Model"]),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "bilge", "Model", "Disk", "Decide", "Act", "Flow", "Demo", "TestSupport", system,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),

        .target(
            name: "FuzzTargets",
            dependencies: [
                "Model", "Disk", "Engine", "Observe", "Act", system,
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ],
            path: "Tests/Fuzz/Targets",
            swiftSettings: strict),
        .testTarget(name: "FuzzTests", dependencies: ["FuzzTargets"], swiftSettings: strict),
    ] + fuzz
)

func tests(
    _ name: String, _ modules: [String], products: [Target.Dependency] = [], exclude: [String] = []
) -> Target {
    .testTarget(
        name: name, dependencies: modules.map { .target(name: $0) } + ["TestSupport", system] + products,
        exclude: exclude, swiftSettings: strict)
}
