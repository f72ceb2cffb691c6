import Glibc
import Reactor
import Testing

@testable import Balancer

/// A loop between real sockets of the loopback network, with one backend that refuses and one that echoes.
private struct LiveLoop: ~Copyable {
    var loop: BalancerLoop
    let listener: Listener
    var arrivals = Slab<Stream>(capacity: 64)

    init() throws {
        let listener = try Listener(.ipv4(0x7F00_0001, port: 0))
        // No socket listens at this address.
        let refusing = SocketAddress.ipv4(0x7F00_0009, port: 9)
        let configuration = try Configuration(
            listeners: [.init(address: .ipv4(0x7F00_0001, port: 0))],
            pools: [.init(backends: [.init(address: refusing), .init(address: listener.address)])], log: .none)
        loop = try BalancerLoop(configuration, output: .silent)
        self.listener = listener
    }

    /// Turns until the condition holds; false when it does not within the deadline. Connections to the
    /// backend are kept.
    mutating func turns(until condition: (inout LiveLoop) -> Bool) throws -> Bool {
        let deadline = Clock.monotonic.now() + .seconds(20)
        while Clock.monotonic.now() < deadline {
            try loop.turn(.milliseconds(5))
            while case .accepted(let stream, _) = listener.accept() { _ = arrivals.insert(stream) }
            if condition(&self) { return true }
        }
        return false
    }

    func total(_ counter: Counter) -> UInt64 { loop.shared.total(counter) }

    func target(_ place: Int, _ counter: Counter) -> UInt64 {
        Array(loop.shared.roster.current().targets)[place].counters[counter]
    }

    /// The backend sends back what has come to it.
    mutating func echo() {
        for place in arrivals.indexRange where arrivals.isTaken(place) {
            var bytes = [UInt8](repeating: 0, count: 4096)
            let result = unsafe bytes.withUnsafeMutableBytes { unsafe arrivals[place].receive(into: $0) }
            guard case .bytes(let count) = result else { continue }
            bytes.removeLast(bytes.count - count)
            _ = unsafe bytes.withUnsafeBytes { unsafe arrivals[place].send($0) }
        }
    }
}

@Suite struct LiveCountersTests {
    /// Everything that can be known of a session is counted while it lives; how it ended, when it ends.
    @Test func aSessionIsCountedWhileItLives() throws {
        var live = try LiveLoop()
        let address = live.loop.listenerAddresses[0]
        let client = try Stream(for: address, from: nil)
        _ = client.connect(to: address)
        var isSent = false
        let text = "0123456789"
        var received = 0
        let isEchoed = try live.turns { live in
            if !isSent {
                isSent = unsafe Array(text.utf8).withUnsafeBytes { unsafe client.send($0) } == .bytes(10)
            }
            live.echo()
            var bytes = [UInt8](repeating: 0, count: 64)
            let result = unsafe bytes.withUnsafeMutableBytes { unsafe client.receive(into: $0) }
            if case .bytes(let count) = result { received += count }
            return received == 10
        }
        try #require(isEchoed)

        let sessions = live.loop.sessions.count
        #expect(sessions == 1)
        let expected: [Counter: UInt64] = [
            .accepted: 1, .connects: 2, .redispatches: 1, .failedRefused: 1, .bytesUp: 10, .bytesDown: 10,
        ]
        Self.expect(expected, "all") { live.total($0) }
        Self.expect([.connects: 1, .left: 1, .failedRefused: 1], "the one that refuses") { live.target(0, $0) }
        Self.expect([.connects: 1, .redispatches: 1, .bytesUp: 10, .bytesDown: 10], "the one that serves") {
            live.target(1, $0)
        }

        client.shutdownWrite()
        let isOver = try live.turns { live in
            for place in live.arrivals.indexRange where live.arrivals.isTaken(place) {
                if live.arrivals[place].isExhausted { _ = live.arrivals.remove(at: place) }
            }
            return live.loop.sessions.count == 0
        }
        try #require(isOver)
        Self.expect(expected.merging([.endedFinished: 1]) { $1 }, "all, at the end") { live.total($0) }
        Self.expect(
            [.connects: 1, .left: 1, .redispatches: 1, .bytesUp: 10, .bytesDown: 10, .endedFinished: 1],
            "the one that served"
        ) { live.target(1, $0) }
    }

    /// Those given, and 0 of all others.
    private static func expect(_ expected: [Counter: UInt64], _ name: String, _ count: (Counter) -> UInt64) {
        for counter in Counter.allCases {
            let value = count(counter)
            #expect(value == expected[counter] ?? 0, "\(counter) of \(name)")
        }
    }
}
