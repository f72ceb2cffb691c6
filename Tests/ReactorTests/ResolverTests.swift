import Reactor
import Testing

@Suite struct ResolverTests {
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
