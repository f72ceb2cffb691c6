import Reactor
import Testing

@testable import Balancer

@Suite struct SessionTests {
    /// What an idle session costs in user space: its place in the slab and its timer; it owns no buffer.
    @Test func aSessionIsSmall() {
        #expect(MemoryLayout<Session>.stride <= 128)
    }
}

@Suite struct SessionTimesTests {
    private let second: UInt64 = 1_000_000_000

    /// An idle timeout may be late by a tick, never early.
    @Test(arguments: [0, 1, 17, 999, 4_000_000] as [UInt64]) func activityIsNotedToATick(seconds: UInt64) {
        let start = Instant(nanoseconds: 77 * second + 123)
        var times = SessionTimes(accepted: start)
        let active = Instant(nanoseconds: start.nanoseconds + seconds * second + 7)
        times.recordActivity(active)
        #expect(times.lastActive(now: active) == active)
        let later = Instant(nanoseconds: active.nanoseconds + 30_000_000 * second)
        #expect(times.lastActive(now: later) >= active)
        #expect(times.lastActive(now: later).nanoseconds <= active.nanoseconds + 17_000_000)
    }

    @Test func theConnectTakesMicrosecondsAndAtMost71Minutes() {
        var times = SessionTimes(accepted: Instant(nanoseconds: second))
        times.recordConnected(Instant(nanoseconds: second + 1_234_567))
        #expect(times.connected.nanoseconds == second + 1_234_000)
        times.recordConnected(Instant(nanoseconds: 10_000 * second))
        #expect(times.connected.nanoseconds == second + UInt64(UInt32.max) * 1000)
    }
}

@Suite struct ClientAddressTests {
    private func session(_ address: SocketAddress) -> Session {
        Session(client: .empty, address: address, pool: 0, timer: .none, now: Instant(nanoseconds: 1))
    }

    @Test func anIPv4AddressIsKeptInTheSession() {
        let hosts = Column<IPv6Host>(capacity: 1)
        let address = SocketAddress.ipv4(0x0A00_0001, port: 40_001)
        let kept = session(address).clientAddress(hosts, at: 0)
        #expect(kept == address)
    }

    @Test func aClientOfAUnixSocketHasNoName() {
        let hosts = Column<IPv6Host>(capacity: 1)
        let kept = session(.unix(path: "")).clientAddress(hosts, at: 0)
        #expect(kept == .unix(path: ""))
    }

    @Test func anIPv6AddressIsKeptBesideIt() {
        var hosts = Column<IPv6Host>(capacity: 3)
        hosts.set(IPv6Host(high: 0xFE80 << 48, low: 0x42, scope: 7), at: 2)
        let address = SocketAddress.ipv6(high: 0xFE80 << 48, low: 0x42, scope: 7, port: 40_002)
        let kept = session(address).clientAddress(hosts, at: 2)
        #expect(kept == address)
    }
}
