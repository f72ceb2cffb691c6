import Testing

@testable import Reactor

@Suite struct ResolverTests {
    private static let remote = SocketAddress.ipv4(0x0A00_0001, port: 0)
    private static let loopback = SocketAddress.ipv4(0x7F00_0001, port: 0)
    private static let loopback6 = SocketAddress.ipv6(high: 0, low: 1, scope: 0, port: 0)
    private static let remote6 = SocketAddress.ipv6(high: 0x2001_0DB8_0000_0000, low: 1, scope: 0, port: 0)
    private static let unknown = Resolver.Found.failure(.init(reason: "unknown", cause: .unknown))

    /// A name server is asked once for an ordinary name, with the families that this machine has.
    @Test(arguments: [
        Resolver.Found.success([remote]), .success([loopback, remote]),
        .failure(.init(reason: "silent", cause: .unanswered)),
    ])
    func oneQuestionSuffices(answer: Resolver.Found) {
        var questions = 0
        let found = Resolver.select(answer) {
            questions += 1
            return .success([Self.loopback6])
        }
        #expect(found == answer && questions == 0)
    }

    /// The C library hides a family of which this machine has loopback addresses only.
    @Test(arguments: [
        (unknown, [loopback6], [loopback6]), (.success([loopback]), [loopback6, loopback], [loopback6, loopback]),
        (.success([loopback]), [loopback6], [loopback6]), (unknown, [remote6, loopback6], [loopback6]),
    ])
    func namesAtLoopbackAreFound(
        first: Resolver.Found, all: [SocketAddress], expected: [SocketAddress]
    ) {
        #expect(Resolver.select(first) { .success(all) } == .success(expected))
    }

    /// What this machine has no address for stays hidden, and an error is that of the first question.
    @Test func othersStayHidden() {
        #expect(Resolver.select(Self.unknown) { .success([Self.remote6]) } == Self.unknown)
        let other = Resolver.Found.failure(.init(reason: "other", cause: .unanswered))
        #expect(Resolver.select(Self.unknown) { other } == Self.unknown)
        #expect(Resolver.select(.success([Self.loopback])) { other } == .success([Self.loopback]))
    }

    @Test func localhostIsThisMachine() throws {
        let addresses = try Resolver.addresses(of: "localhost", port: 8090)
        #expect(!addresses.isEmpty)
        #expect(Set(addresses).count == addresses.count)
        for address in addresses {
            #expect(["127.0.0.1", "::1"].contains(address.host))
            #expect(address.port == 8090)
        }
    }

    @Test(arguments: ["127.0.0.1", "::1", "fe80::1%1", "2001:db8::1"])
    func anAddressNeedsNoNameServer(host: String) throws {
        let addresses = try Resolver.addresses(of: host, port: 7)
        #expect(addresses.count == 1)
        #expect(addresses[0] == SocketAddress(host: host, port: 7))
    }

    /// The short forms that getaddrinfo(3) inherited from inet_aton(3).
    @Test(arguments: [
        "1", "127.1", "0x7f.1", "1.0x7f", "0X7F000001", "0x", "2130706433", "127.0.0.1.", "1.2.3.4.5", "256.1.1.1",
    ])
    func halfANumberIsASlip(host: String) {
        let error = #expect(throws: ResolverError.self) { try Resolver.addresses(of: host, port: 1) }
        #expect(error?.description == "unknown host '\(host)': neither an address nor a host name")
    }

    @Test(arguments: ["", "localhost\0", "localhost\0.example", "127.0.0.1\0"])
    func whatNoNameCanBeIsRefused(host: String) {
        let error = #expect(throws: ResolverError.self) { try Resolver.addresses(of: host, port: 1) }
        #expect(error?.reason == "neither an address nor a host name")
    }

    /// A label may begin with a digit (RFC 1123, 2.1): Docker names a container after its twelve hexadecimal digits.
    @Test(arguments: ["4f2a9c01d3e7.invalid.4f2a9c01d3e7", "2fa", "0xylophone"])
    func aNameMayBeginWithADigit(host: String) {
        // It is for the name server to say; that it is asked shows in the reason.
        do {
            _ = try Resolver.addresses(of: host, port: 1)
        } catch {
            #expect(error.reason != "neither an address nor a host name")
        }
    }

    @Test(arguments: ["no-such-host.invalid", "two words", "a..b"]) func aNameThatIsNotKnownSaysSo(host: String) {
        let error = #expect(throws: ResolverError.self) { try Resolver.addresses(of: host, port: 1) }
        #expect(error?.host == host)
        #expect(error?.reason.isEmpty == false)
    }
}
