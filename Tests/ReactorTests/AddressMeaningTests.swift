import Glibc
import Testing

@testable import Reactor

/// What addresses mean, however they are spelled.
@Suite struct AddressMeaningTests {
    private static func address(_ host: String, _ port: UInt16 = 80) throws -> SocketAddress {
        try #require(SocketAddress(host: host, port: port))
    }

    @Test func canonicalIsOneFormOfAllSpellings() {
        let mapped = SocketAddress.ipv6(high: 0, low: 0xFFFF_7F00_0001, scope: 3, port: 80)
        #expect(mapped.canonical == .ipv4(0x7F00_0001, port: 80))
        let scoped = SocketAddress.ipv6(high: 0x2001_0DB8_0000_0000, low: 1, scope: 3, port: 80)
        #expect(scoped.canonical == .ipv6(high: 0x2001_0DB8_0000_0000, low: 1, scope: 0, port: 80))
        let link = SocketAddress.ipv6(high: 0xFE80_0000_0000_0000, low: 1, scope: 3, port: 80)
        #expect(link.canonical == link)
        #expect(SocketAddress.unix(path: "/a").canonical == .unix(path: "/a"))
    }

    @Test(arguments: [
        ("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("::ffff:0.0.0.0", "127.0.0.1"), ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"), ("2001:db8::1", "2001:db8::1"),
    ])
    func anUnspecifiedDestinationIsLoopback(host: String, leadsTo other: String) throws {
        #expect(try Self.address(host).destination == Self.address(other))
    }

    @Test func loopbackAndLinkLocal() throws {
        for host in ["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"] {
            #expect(try Self.address(host).isLoopback)
        }
        for host in ["126.255.255.255", "128.0.0.0", "::2", "1::1", "0.0.0.0", "::"] {
            #expect(try !Self.address(host).isLoopback)
        }
        for host in ["fe80::1", "febf::1"] { #expect(try Self.address(host).lacksScope) }
        for host in ["fe80::1%3", "fec0::1", "fe7f::1", "::1", "10.0.0.1"] {
            #expect(try !Self.address(host).lacksScope)
        }
    }

    /// A machine with the addresses 10.0.0.5 and 2001:db8::5, on which every address can be bound.
    private final class Machine: ForwardingKernel {
        /// Calls of ``sourceAddress(towards:)``.
        private(set) var questions = 0

        override func bind(_ socket: CInt, to address: SocketAddress) -> CInt { 0 }

        override func sourceAddress(towards address: SocketAddress) -> SocketAddress? {
            questions += 1
            return SocketAddress(host: address.family == AF_INET ? "10.0.0.5" : "2001:db8::5", port: 40_000)
        }
    }

    @Test(arguments: [
        ("127.0.0.1", "127.0.0.1", true), ("127.0.0.1", "::ffff:127.0.0.1", true), ("127.0.0.1", "0.0.0.0", true),
        ("127.0.0.1", "127.0.0.2", false), ("127.0.0.1", "::1", false), ("127.0.0.1", "::", false),
        ("::1", "::", true), ("::1", "0:0::1", true), ("::1", "127.0.0.1", false),
        ("::ffff:127.0.0.1", "127.0.0.1", true),
        ("0.0.0.0", "127.0.0.1", true), ("0.0.0.0", "127.9.9.9", true), ("0.0.0.0", "10.0.0.5", true),
        ("0.0.0.0", "::ffff:10.0.0.5", true), ("0.0.0.0", "0.0.0.0", true), ("0.0.0.0", "10.0.0.6", false),
        ("0.0.0.0", "::1", false), ("0.0.0.0", "::", false), ("0.0.0.0", "2001:db8::5", false),
        ("::", "::1", true), ("::", "::", true), ("::", "127.0.0.1", true), ("::", "0.0.0.0", true),
        ("::", "10.0.0.5", true), ("::", "2001:db8::5", true), ("::", "2001:db8::6", false), ("::", "10.0.0.6", false),
        ("fe80::1%2", "fe80::1%2", true), ("fe80::1%2", "fe80::1%3", false),
    ])
    func whatReachesAListener(listener: String, destination: String, reaches: Bool) throws {
        try withScriptedKernel(Machine()) {
            let own = OwnAddress(try Self.address(listener))
            #expect(own.receives(try Self.address(destination)) == reaches)
            #expect(!own.receives(try Self.address(destination, 81)))
        }
    }

    @Test func ofAnIPv6OnlyListenerIPv4IsSomebodyElses() throws {
        try withScriptedKernel(Machine()) {
            let own = OwnAddress(try Self.address("::"), isIPv6Only: true)
            for host in ["127.0.0.1", "0.0.0.0", "10.0.0.5"] { #expect(!own.receives(try Self.address(host))) }
            for host in ["::1", "2001:db8::5"] { #expect(own.receives(try Self.address(host))) }
        }
    }

    @Test func aUnixSocketIsReachedByItsPath() {
        #expect(OwnAddress(.unix(path: "/a")).receives(.unix(path: "/a")))
        #expect(!OwnAddress(.unix(path: "/a")).receives(.unix(path: "/b")))
        #expect(!OwnAddress(.ipv4(0, port: 0)).receives(.unix(path: "/a")))
    }

    /// The kernel is asked only where the answer depends on the addresses of the machine.
    @Test func anotherPortNeedsNoSystemCall() throws {
        let machine = Machine()
        let (own, other) = (OwnAddress(try Self.address("0.0.0.0", 81)), try Self.address("10.0.0.5"))
        withScriptedKernel(machine) { #expect(!own.receives(other)) }
        #expect(machine.questions == 0)
    }

    @Test func thisMachineHasItsOwnAddresses() throws {
        for host in ["127.0.0.1", "127.8.8.8", "::1"] { #expect(try Self.address(host).isLocal) }
        // TEST-NET-1, which nobody has.
        #expect(try !Self.address("192.0.2.1").isLocal)
    }

    @Test(arguments: [
        ("127.0.0.1", "127.0.0.2", true), ("127.0.0.1", "10.0.0.5", true), ("127.0.0.1", "10.0.0.6", false),
        ("::1", "::1", true), ("::1", "2001:db8::5", true), ("::1", "2001:db8::6", false), ("127.0.0.1", "::1", false),
        ("10.0.0.5", "10.0.0.6", true), ("10.0.0.5", "127.0.0.1", true), ("10.0.0.5", "2001:db8::6", false),
        ("fe80::5%2", "fe80::6%2", true), ("fe80::5%2", "fe80::6%3", false), ("fe80::5%2", "2001:db8::6", true),
    ])
    func aSourceIsUsedWhereItReaches(source: String, target: String, isUsed: Bool) throws {
        try withScriptedKernel(Machine()) {
            let source = try Self.address(source, 0)
            #expect(source.usable(towards: try Self.address(target)) == (isUsed ? source : nil))
        }
    }

    /// A connection is compared by both of its ends, not by how its destination was spelled.
    @Test func aSocketThatMetItselfIsFound() throws {
        final class Ends: ForwardingKernel {
            var (local, peer): (SocketAddress?, SocketAddress?)
            override func localAddress(_ socket: CInt) -> SocketAddress? { local }
            override func peerAddress(_ socket: CInt) -> SocketAddress? { peer }
        }
        let ends = Ends()
        try withScriptedKernel(ends) {
            let stream = try Stream(for: Self.address("127.0.0.1"), from: nil)
            let cases: [(local: SocketAddress?, peer: SocketAddress?, isSame: Bool)] = [
                (nil, nil, false),
                (try Self.address("127.0.0.1"), try Self.address("127.0.0.1"), true),
                (try Self.address("127.0.0.1"), try Self.address("127.0.0.1", 81), false),
                (try Self.address("fe80::1%2"), try Self.address("fe80::1%3"), false),
            ]
            for (local, peer, isSame) in cases {
                (ends.local, ends.peer) = (local, peer)
                let hasMetItself = stream.isConnectedToItself
                #expect(hasMetItself == isSame)
            }
        }
    }
}
