import Glibc
import Reactor
import Testing

@testable import Balancer

@Suite struct HostNameTests {
    private func name(_ host: String) -> HostName { HostName(host: host, port: 1, preferredFamily: AF_INET) }

    private let v4 = [SocketAddress(host: "10.0.0.1", port: 1), SocketAddress(host: "10.0.0.2", port: 1)].compactMap(
        \.self)
    private let v6 = [SocketAddress(host: "2001:db8::1", port: 1)].compactMap(\.self)

    @Test func thePreferredFamilyComesFirst() {
        #expect(name("a").choose(from: v6 + v4) == v4[0])
        #expect(HostName(host: "a", port: 1, preferredFamily: AF_INET6).choose(from: v4 + v6) == v6[0])
        #expect(name("a").choose(from: v6) == v6[0])
        #expect(name("a").choose(from: []) == nil)
    }

    private func target(at address: SocketAddress) -> ProbedTarget {
        let entry = TargetEntry(
            id: TargetID(rawValue: 0), name: "a:1", host: name("a"), address: address,
            counters: TargetCounters(loops: 1))
        let pool = PoolEntry(
            id: PoolID(rawValue: 0), name: "default", targets: [entry])
        let rhythm = ProbeRhythm(entry.id, of: 1, interval: pool.settings.health.interval)
        return ProbedTarget(entry, of: pool, rhythm: rhythm, timer: TimerID.none, due: Instant(nanoseconds: 0))
    }

    /// While the backend is down each address has its turn, also when the answers are in another order each time.
    @Test func everyAddressHasItsTurn() {
        let all = v4 + v6
        var target = target(at: v4[0])
        var tried: [SocketAddress] = []
        for round in 0..<6 {
            _ = target.record(.failed)
            let answer = Array(all[(round % 3)...] + all[..<(round % 3)])
            guard let address = target.choose(from: answer) else { break }
            target.move(to: address)
            tried.append(address)
        }
        #expect(Set(tried.prefix(3)) == Set(all) && Set(tried.suffix(3)) == Set(all))
    }

    @Test func whatHasAnsweredStaysUntilItIsDown() {
        var target = target(at: v4[0])
        _ = target.record(.succeeded)
        for _ in 0..<3 {
            _ = target.record(.failed)
            let kept = target.choose(from: v4)
            #expect(kept == v4[0])
        }
        _ = target.record(.failed)
        let next = target.choose(from: v4)
        #expect(next == v4[1])
    }

    @Test func theOnlyAddressStays() {
        var target = target(at: v4[0])
        _ = target.record(.failed)
        let kept = target.choose(from: [v4[0]])
        #expect(kept == v4[0])
    }

    /// Name servers turn the order of their answers.
    @Test func whoIsStillNamedStays() {
        #expect(name("a").choose(from: v4, current: v4[1]) == v4[1])
        #expect(name("a").choose(from: v6 + v4, current: v6[0]) == v6[0])
        #expect(name("a").choose(from: [v4[0]], current: v4[1]) == v4[0])
    }
}
