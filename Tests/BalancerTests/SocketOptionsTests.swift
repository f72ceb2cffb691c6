import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// By which options the kernel notices a vanished host: of a listener for its clients, of a pool for its backends.
@Suite struct SocketOptionsTests {
    private static let options = Configuration.SocketOptions(
        userTimeout: .microseconds(20_001), keepalive: .init(idle: .seconds(7), interval: .seconds(3), probes: 2))
    private static let numbers: [CInt: CInt] = [
        TCP_KEEPIDLE: 7, TCP_KEEPINTVL: 3, TCP_KEEPCNT: 2, TCP_USER_TIMEOUT: 21,
    ]

    /// What was set of a socket's options, of those that this is about.
    private static func values(_ kernel: StagedKernel, _ socket: CInt) -> [CInt: CInt] {
        let own = kernel.options.filter { $0.socket == socket && $0.level == CInt(IPPROTO_TCP) }
        return Dictionary(own.map { ($0.option, $0.value) }) { $1 }.filter { numbers[$0.key] != nil }
    }

    /// A client's socket inherits them, so that an accept costs no further call.
    @Test func clientsInheritThoseOfTheListener() throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            let listener = Configuration.ListenerSettings(
                address: .ipv4(0x7F00_0001, port: 20_000), socketOptions: Self.options)
            let pool = Configuration.Pool(backends: [.init(address: .backend(0))])
            var loop = try BalancerLoop(
                Configuration(listeners: [listener], pools: [pool], log: .none),
                clock: .manual(ManualClock()), output: .silent)
            #expect(Self.values(kernel, kernel.listeners[0]) == Self.numbers)
            kernel.arrive(at: kernel.listeners[0])
            try loop.turn(.immediately)
            let client = try #require(kernel.accepted.last)
            #expect(!kernel.options.contains { $0.socket == client })
            loop.stop()
        }
    }

    /// The time that bytes may be unacknowledged holds from the beginning; keepalive comes once the session has lasted.
    @Test func backendsHaveThoseOfThePool() throws {
        try TurnStage.run(adjust: { $0.socketOptions = Self.options }) { kernel, stage in
            let backend = try stage.open(1)[0].backend
            #expect(Self.values(kernel, backend) == [TCP_USER_TIMEOUT: 21])
            try stage.pass(.seconds(6))
            #expect(Self.values(kernel, backend) == [TCP_USER_TIMEOUT: 21])
            try stage.pass(.seconds(2))
            #expect(Self.values(kernel, backend) == Self.numbers)
        }
    }

    /// No call but those of before.
    @Test func theDefaultsAreTheKernelsTimeAndTheUsualKeepalive() throws {
        try TurnStage.run { kernel, stage in
            let backend = try stage.open(1)[0].backend
            try stage.pass(.seconds(29))
            #expect(Self.values(kernel, backend).isEmpty)
            try stage.pass(.seconds(2))
            #expect(Self.values(kernel, backend) == [TCP_KEEPIDLE: 120, TCP_KEEPINTVL: 30, TCP_KEEPCNT: 4])
            #expect(
                Self.values(kernel, kernel.listeners[0]) == [TCP_KEEPIDLE: 120, TCP_KEEPINTVL: 30, TCP_KEEPCNT: 4])
        }
    }

    @Test func keepaliveCanBeLeftOut() throws {
        try TurnStage.run(adjust: { $0.socketOptions.keepalive = nil }) { kernel, stage in
            let backend = try stage.open(1)[0].backend
            try stage.pass(.seconds(60))
            #expect(Self.values(kernel, backend).isEmpty)
        }
    }

    @Test(
        arguments: [
            (.init(userTimeout: .zero), "user timeout"), (.init(userTimeout: .seconds(3_000_000)), "user timeout"),
            (.init(keepalive: .init(idle: .milliseconds(1500))), "keepalive idle time 1.5 seconds"),
            (.init(keepalive: .init(interval: .seconds(32768))), "keepalive interval 32768.0 seconds"),
            (.init(keepalive: .init(probes: 128)), "128 keepalive probes: it must be 1 to 127"),
            (.init(userTimeout: .seconds(1), keepalive: nil), ""),
        ] as [(Configuration.SocketOptions, String)])
    func optionsHaveBounds(options: Configuration.SocketOptions, fault: String) {
        let listener = Configuration.ListenerSettings(address: .ipv4(1, port: 1), socketOptions: options)
        let pools = [Configuration.Pool(backends: [.init(address: .backend(0))], socketOptions: options)]
        for (listener, pools, owner) in [
            (listener, [.init(backends: [.init(address: .backend(0))])], "listener 0.0.0.1:1: "),
            (.init(address: .ipv4(1, port: 1)), pools, "pool 'default': "),
        ] as [(Configuration.ListenerSettings, [Configuration.Pool], String)] {
            var text = ""
            do {
                _ = try Configuration(listeners: [listener], pools: pools)
            } catch {
                text = "\(error)"
            }
            #expect(fault.isEmpty ? text.isEmpty : text.hasPrefix(owner + fault), "\(text)")
        }
    }
}
