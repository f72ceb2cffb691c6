import CEpoll
import Reactor
import TestSupport
import Testing

@testable import Balancer

/// A loop with one listener that asks something of its clients, and pools with a backend each: `.backend(0)` is that of the
/// first pool.
struct PrefaceStage {
    /// The networks that the tests trust, and a client in them.
    static let proxyAddress = SocketAddress.ipv4(0x0A00_0001, port: 40_000)
    static let stranger = SocketAddress.ipv4(0xC633_6401, port: 50_000)
    static let trusted = "10.0.0.0/8"

    /// A configuration with `pools` pools; the adjustments make what is tested.
    static func configuration(
        pools: Int = 1, sessionsMax: Int = 64, isChecked: Bool = false,
        adjustPool: (inout Configuration.Pool) -> Void = { _ in },
        adjust: (inout Configuration.ListenerSettings) throws -> Void
    ) throws -> Configuration {
        var settings = Configuration.ListenerSettings(address: .ipv4(0x7F00_0001, port: 20_000), name: "front")
        try adjust(&settings)
        return try Configuration(
            listeners: [settings],
            pools: (0..<pools).map { number in
                var health = Configuration.HealthCheck()
                health.interval = .seconds(60)
                // Probes would connect to the backends, too.
                health.kind = isChecked ? .tcp : .none
                var pool = Configuration.Pool(
                    name: "pool\(number)", backends: [.init(address: .backend(number))], health: health)
                adjustPool(&pool)
                return pool
            },
            limits: .init(sessionsMax: sessionsMax),
            log: .transitions(events: .init(to: .none), sessions: .init()))
    }

    /// A header of version 2 with these ends.
    static func header(
        _ version: ProxyVersion = .v2, from source: SocketAddress = client, to destination: SocketAddress = wanted,
        _ options: ProxyHeaderWriter.Options = [], uniqueID: UInt64 = 0, authority: [UInt8]? = nil
    ) -> [UInt8] {
        unsafe Array(unsafeUninitializedCapacity: ProxyHeaderWriter.bytesMax) { buffer, count in
            count = unsafe ProxyHeaderWriter.write(
                version, source: source, destination: destination, options: options, uniqueID: uniqueID,
                authority: authority, into: UnsafeMutableRawBufferPointer(buffer))
        }
    }

    static let client = SocketAddress.ipv4(0xC000_0207, port: 38_094)
    static let wanted = SocketAddress.ipv4(0xCB00_7109, port: 443)
}

extension BalancerLoop {
    /// Lets a client connect; returns its socket, or nil when it was not accepted or is closed already.
    mutating func come(
        _ kernel: StagedKernel, from address: SocketAddress = PrefaceStage.proxyAddress
    ) throws -> CInt? {
        let before = kernel.accepted.count
        kernel.arrive(at: kernel.listeners[0], from: address)
        try turn(.immediately)
        guard kernel.accepted.count > before, let socket = kernel.accepted.last else { return nil }
        return kernel.descriptors.contains(socket) ? socket : nil
    }

    /// Lets bytes of a client arrive.
    mutating func bring(_ bytes: some Sequence<UInt8>, to socket: CInt, _ kernel: StagedKernel) throws {
        kernel.input[socket, default: []] += bytes
        kernel.post(socket, CEPOLL_IN)
        for _ in 0..<3 { try turn(.immediately) }
    }

    /// Moves the clock, and lets what is due happen.
    mutating func pass(_ time: Duration, _ hand: ManualClock) throws {
        // In steps: a clock that jumps past a deadline is a process that stood still.
        var left = time
        while left > .zero {
            hand.now = hand.now + min(left, .milliseconds(100))
            left -= .milliseconds(100)
            try turn(.immediately)
        }
        for _ in 0..<3 { try turn(.immediately) }
    }

    /// How many sessions have ended so.
    func count(_ reason: EndReason) -> UInt64 { journal.cells[reason.counter] }
}
