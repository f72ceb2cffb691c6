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

    /// Name servers turn the order of their answers.
    @Test func whoIsStillNamedStays() {
        #expect(name("a").choose(from: v4, current: v4[1]) == v4[1])
        #expect(name("a").choose(from: v6 + v4, current: v6[0]) == v6[0])
        #expect(name("a").choose(from: [v4[0]], current: v4[1]) == v4[0])
    }
}
