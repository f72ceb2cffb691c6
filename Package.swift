// swift-tools-version: 6.2

import PackageDescription

// Every Swift target uses the Swift 6 language mode (the default of these tools) and strict memory safety, so that each
// unsafe expression must be marked `unsafe`.
// With BALANCER_STRICT set, as in CI, warnings are errors. This is not the default, because a newer compiler may have new
// warnings.
let isStrict = Context.environment["BALANCER_STRICT"] != nil
let swiftSettings: [SwiftSetting] =
    [.strictMemorySafety(), .enableUpcomingFeature("MemberImportVisibility")]
    + (isStrict ? [.treatAllWarnings(as: .error)] : [])
let cSettings: [CSetting] = isStrict ? [.treatAllWarnings(as: .error)] : []

// The only hook for tests: in debug builds the file that makes the system calls first checks whether the thread has a
// scripted kernel. Release builds contain neither the check nor the scripted kernel's code, except those of
// `balancer-scale`, which counts the cost of sessions under a scripted kernel: see benchmarks/scale-table.
let isScripted = Context.environment["BALANCER_SCRIPTED"] != nil
let seam: [SwiftSetting] = [.define("SCRIPTED_KERNEL", isScripted ? nil : .when(configuration: .debug))]

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let nio: [Target.Dependency] = ["NIOConcurrencyHelpers", "NIOCore", "NIOPosix", "NIOHTTP1"].map {
    .product(name: $0, package: "swift-nio")
}

// Compiled and linked by Tests/Scripts/fuzz.
let fuzzers: [Target] =
    Context.environment["BALANCER_FUZZ"] == nil
    ? []
    : [
        .target(
            name: "ConfigurationFuzz", dependencies: ["Balancer", "ConfigurationFile", "Reactor"], path: "Tests/Fuzz",
            swiftSettings: swiftSettings),
        .target(
            name: "PrefaceFuzz", dependencies: ["Balancer", "Reactor"], path: "Tests/FuzzPreface", exclude: ["Corpus"],
            swiftSettings: swiftSettings),
        .target(
            name: "AdministrationFuzz", dependencies: ["Administration", "AdministrationAPI"] + nio,
            path: "Tests/FuzzAdministration", exclude: ["Corpus"], swiftSettings: swiftSettings),
    ]

let package = Package(
    name: "balancer",
    products: [
        .executable(name: "balancer", targets: ["BalancerCommand"]),
        .executable(name: "chat-server", targets: ["ChatServerCommand"]),
        .executable(name: "chat-client", targets: ["ChatClientCommand"]),
        .executable(name: "balancer-benchmark", targets: ["BenchmarkCommand"]),
        .executable(name: "balancer-scale", targets: ["ScaleCommand"]),
        .executable(name: "balancer-policies", targets: ["PoliciesCommand"]),
        .executable(name: "byte-exact", targets: ["ByteExact"]),
        .library(name: "Balancer", targets: ["Balancer"]),
        .library(name: "Chat", targets: ["Chat"]),
        .library(name: "Reactor", targets: ["Reactor"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    ],
    targets: [
        .target(name: "CEpoll", cSettings: cSettings),
        .target(name: "Reactor", dependencies: ["CEpoll"], swiftSettings: swiftSettings + seam),
        .target(name: "Discovery", dependencies: ["Reactor"], swiftSettings: swiftSettings),
        // What administration says and hears, as values: nothing but the standard library.
        .target(name: "AdministrationAPI", swiftSettings: swiftSettings),
        .target(name: "Balancer", dependencies: ["AdministrationAPI", "Reactor"], swiftSettings: swiftSettings),
        // HTTP and JSON, on a thread of its own: SwiftNIO, and Foundation's essentials.
        .target(
            name: "Administration", dependencies: ["AdministrationAPI", "Wording"] + nio,
            resources: [.embedInCode("Page")], swiftSettings: swiftSettings),
        .target(
            name: "AdministrationClient", dependencies: ["AdministrationAPI"] + nio, swiftSettings: swiftSettings),
        // What `balancer top` shows, without a terminal.
        .target(name: "Top", dependencies: ["AdministrationAPI", "Chat"], swiftSettings: swiftSettings),
        // What a drill measures, and what it says of that. CDrill: namespaces and processes, which Glibc's module lacks.
        .target(name: "Drill", swiftSettings: swiftSettings),
        .target(name: "CDrill", cSettings: cSettings),
        .target(
            name: "AdministrationCommands",
            dependencies: [
                "AdministrationAPI", "AdministrationClient", "Balancer", "CDrill", "CEpoll", "CommandSupport",
                "ConfigurationFile", "Drill", "Reactor", "Top", "Wording", argumentParser,
            ],
            swiftSettings: swiftSettings),
        .target(name: "Chat", dependencies: ["Reactor"], swiftSettings: swiftSettings),
        .target(name: "Wording", dependencies: ["Reactor"], swiftSettings: swiftSettings),
        // The only target that needs Foundation, through Yams.
        .target(
            name: "ConfigurationFile",
            dependencies: ["AdministrationAPI", "Balancer", "Discovery", "Reactor", "Wording", yams],
            swiftSettings: swiftSettings),

        .target(
            name: "PoolDiscovery", dependencies: ["Balancer", "ConfigurationFile", "Discovery", "Reactor"],
            swiftSettings: swiftSettings),

        .target(
            name: "CommandSupport", dependencies: ["Reactor", "Wording", argumentParser],
            path: "Sources/Commands/Support", swiftSettings: swiftSettings),
        .executableTarget(
            name: "BalancerCommand",
            dependencies: [
                "Administration", "AdministrationAPI", "AdministrationClient", "AdministrationCommands", "Balancer",
                "Chat", "CommandSupport", "ConfigurationFile", "PoolDiscovery", argumentParser,
            ],
            path: "Sources/Commands/balancer", swiftSettings: swiftSettings),
        .executableTarget(
            name: "ChatServerCommand", dependencies: ["Chat", "CommandSupport", argumentParser],
            path: "Sources/Commands/chat-server", swiftSettings: swiftSettings),
        .executableTarget(
            name: "ChatClientCommand", dependencies: ["Chat", "CommandSupport", argumentParser],
            path: "Sources/Commands/chat-client", swiftSettings: swiftSettings),

        .target(
            name: "Benchmark",
            dependencies: ["CEpoll", "Reactor", .product(name: "Histogram", package: "hdrhistogram-swift")],
            path: "benchmarks/Benchmark", swiftSettings: swiftSettings),
        .executableTarget(
            name: "BenchmarkCommand", dependencies: ["Benchmark", "CommandSupport", "Reactor", argumentParser],
            path: "benchmarks/balancer-benchmark", swiftSettings: swiftSettings),
        .executableTarget(
            name: "ScaleCommand",
            dependencies: ["Balancer", "Benchmark", "CEpoll", "CommandSupport", "Reactor", argumentParser],
            path: "benchmarks/Scale", swiftSettings: swiftSettings + seam),

        .executableTarget(
            name: "PoliciesCommand",
            dependencies: ["Balancer", "CommandSupport", "Reactor", argumentParser],
            path: "benchmarks/Policies", swiftSettings: swiftSettings),

        .executableTarget(
            name: "ByteExact",
            dependencies: ["Benchmark", "CommandSupport", "Reactor", "TestSupport", argumentParser],
            path: "Tests/ByteExact", swiftSettings: swiftSettings),

        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: swiftSettings),
        .testTarget(
            name: "ReactorTests", dependencies: ["Reactor", "TestSupport"], swiftSettings: swiftSettings + seam),
        .testTarget(
            name: "DiscoveryTests",
            dependencies: [
                "Balancer", "CEpoll", "ConfigurationFile", "Discovery", "PoolDiscovery", "Reactor", "TestSupport",
            ],
            swiftSettings: swiftSettings + seam),
        .testTarget(
            name: "BalancerTests", dependencies: ["AdministrationAPI", "Balancer", "Reactor", "TestSupport"],
            exclude: ["Preface/Hellos"], swiftSettings: swiftSettings + seam),
        .testTarget(
            name: "ChatTests", dependencies: ["Chat", "Reactor"], swiftSettings: swiftSettings),
        .testTarget(
            name: "CommandSupportTests", dependencies: ["CommandSupport"], swiftSettings: swiftSettings),
        .testTarget(
            name: "ConfigurationFileTests",
            dependencies: [
                "AdministrationAPI", "Balancer", "BalancerCommand", "ConfigurationFile", "Discovery", "Reactor",
                "TestSupport",
            ],
            // Read from the source folder: a test rewrites the expected messages on request.
            exclude: ["Right", "Wrong"], swiftSettings: swiftSettings),
        .testTarget(
            name: "AdministrationTests",
            dependencies: ["Administration", "AdministrationAPI", "AdministrationClient", "TestSupport"] + nio,
            swiftSettings: swiftSettings),
        .testTarget(
            name: "TopTests", dependencies: ["AdministrationAPI", "Top"], swiftSettings: swiftSettings),
        .testTarget(
            name: "AdministrationCommandsTests",
            dependencies: ["AdministrationAPI", "AdministrationCommands", "Drill", "Reactor", "Top", argumentParser],
            swiftSettings: swiftSettings),
        .testTarget(name: "DrillTests", dependencies: ["Drill"], swiftSettings: swiftSettings),
        .testTarget(
            name: "BenchmarkTests", dependencies: ["Benchmark", "BenchmarkCommand", "Reactor"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "ByteExactTests", dependencies: ["ByteExact"], swiftSettings: swiftSettings),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "AdministrationAPI", "AdministrationClient", "BalancerCommand", "ChatServerCommand",
                "ChatClientCommand", "Drill", "TestSupport",
            ],
            swiftSettings: swiftSettings),
    ] + fuzzers
)
