import Reactor
import Testing

@testable import Balancer

@Suite struct NetworkTests {
    @Test(arguments: [
        ("10.0.0.0/8", "10.0.0.0/8"), ("10.0.0.1", "10.0.0.1"), ("10.0.0.1/32", "10.0.0.1"), ("0.0.0.0/0", "0.0.0.0/0"),
        ("0.0.0.0", "0.0.0.0"), ("128.0.0.0/1", "128.0.0.0/1"), ("255.255.255.255", "255.255.255.255"),
        ("192.0.2.128/25", "192.0.2.128/25"), ("::/0", "::/0"), ("::", "::"), ("::1", "::1"), ("::1/128", "::1"),
        ("fd00::/8", "fd00::/8"), ("FD00:0::0/8", "fd00::/8"), ("2001:db8::/65", "2001:db8::/65"),
        ("2001:db8:0:0:8000::/65", "2001:db8:0:0:8000::/65"), ("fe80::/10", "fe80::/10"), ("8000::/1", "8000::/1"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"), ("::ffff:10.0.0.1", "10.0.0.1"), ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::ffff:a00:1/128", "10.0.0.1"), ("::fffe:0:0/95", "::fffe:0:0/95"), ("::1.2.3.4", "::1.2.3.4"),
    ]) func rightTexts(text: String, meaning: String) throws {
        let network = try Network(text)
        #expect(network.description == meaning)
        let again = try Network(network.description)
        #expect(again == network)
    }

    /// The remedy of a message that has one, `write ...`, is right itself.
    @Test(arguments: [
        ("", #""": no address; write one as 10.0.0.1, 10.0.0.0/8 or fd00::/8"#),
        ("/8", "/8: no address; write one as 10.0.0.1, 10.0.0.0/8 or fd00::/8"),
        ("10.0.0.1/8", "10.0.0.1/8: bits beyond the prefix are set; write 10.0.0.0/8"),
        ("10.0.0.1/0", "10.0.0.1/0: bits beyond the prefix are set; write 0.0.0.0/0"),
        ("10.0.0.1/31", "10.0.0.1/31: bits beyond the prefix are set; write 10.0.0.0/31"),
        ("fd00::1/8", "fd00::1/8: bits beyond the prefix are set; write fd00::/8"),
        ("::1/64", "::1/64: bits beyond the prefix are set; write ::/64"),
        ("1::1/127", "1::1/127: bits beyond the prefix are set; write 1::/127"),
        ("::ffff:10.0.0.1/104", "::ffff:10.0.0.1/104: bits beyond the prefix are set; write 10.0.0.0/8"),
        (
            "::ffff:10.0.0.0/8",
            "::ffff:10.0.0.0/8: an IPv4 address in IPv6 has a prefix of 96 to 128 bits; write 10.0.0.0/8"
        ),
        ("::ffff:10.0.0.0/95", "::ffff:10.0.0.0/95: an IPv4 address in IPv6 has a prefix of 96 to 128 bits"),
        ("::ffff:10.0.0.0/129", "::ffff:10.0.0.0/129: prefix length 129: 0 to 128"),
        ("10.0.0.0/33", "10.0.0.0/33: prefix length 33: 0 to 32"),
        ("fd00::/129", "fd00::/129: prefix length 129: 0 to 128"),
        (
            "10.0.0.0/99999999999999999999999",
            "10.0.0.0/99999999999999999999999: prefix length 99999999999999999999: 0 to 32"
        ),
        ("10.0.0.0/", "10.0.0.0/: no prefix length after the /: 0 to 32"),
        ("10.0.0.0/+8", "10.0.0.0/+8: the prefix length is no number of digits alone: 0 to 32"),
        ("10.0.0.0/-8", "10.0.0.0/-8: the prefix length is no number of digits alone: 0 to 32"),
        ("10.0.0.0/ 8", #""10.0.0.0/ 8": the prefix length is no number of digits alone: 0 to 32"#),
        ("10.0.0.0/8x", "10.0.0.0/8x: the prefix length is no number of digits alone: 0 to 32"),
        ("10.0.0.0/08", "10.0.0.0/08: a leading zero in the prefix length; write 8"),
        ("0.0.0.0/00", "0.0.0.0/00: a leading zero in the prefix length; write 0"),
        ("10.0.0.0/255.0.0.0", "10.0.0.0/255.0.0.0: a netmask is no prefix length; write 10.0.0.0/8"),
        ("10.1.2.3/0.0.0.0", "10.1.2.3/0.0.0.0: a netmask is no prefix length; write 0.0.0.0/0"),
        ("10.0.0.0/0.255.255.255", "10.0.0.0/0.255.255.255: a netmask is no prefix length: 0 to 32"),
        ("10.0.0.0/8/8", "10.0.0.0/8/8: more than one /"),
        ("/run/chat.sock", "/run/chat.sock: more than one /"),
        ("fe80::1%eth0", "fe80::1%eth0: a network has no scope; write it without the % and what follows there"),
        ("fe80::%1/64", "fe80::%1/64: a network has no scope; write it without the % and what follows there"),
        ("[::1]", "[::1]: a network has no brackets; write it without them"),
        ("[fd00::]/8", "[fd00::]/8: a network has no brackets; write it without them"),
        ("10.0.0.1:80", "10.0.0.1:80: a network has no port; write it without the : and what follows there"),
        ("[::1]:80", "[::1]:80: a network has no port; write it without the : and what follows there"),
        ("localhost", "localhost: a name is no network; write its address"),
        ("db-1.example.org/24", "db-1.example.org/24: a name is no network; write its address"),
        ("10.0.0.256", "10.0.0.256: no address: IPv4 has four numbers of 0 to 255 without leading zeros"),
        ("010.0.0.1", "010.0.0.1: no address: IPv4 has four numbers of 0 to 255 without leading zeros"),
        ("10/8", "10/8: no address: IPv4 has four numbers of 0 to 255 without leading zeros"),
        ("10.0.0/24", "10.0.0/24: no address: IPv4 has four numbers of 0 to 255 without leading zeros"),
        ("::g", "::g: no address"), (":", ":: no address"), ("1:::2", "1:::2: no address"), ("*", "*: no address"),
        (" 10.0.0.1", #"" 10.0.0.1": no address"#), ("10.0.0.1\0", #""10.0.0.1\0": no address"#),
        ("\u{1B}[31m\n", #""\u{1B}[31m\n": no address"#),
        ("тест", #""\#u{0442}\#u{0435}\#u{0441}\#u{0442}": no address"#),
        ("10.0.0.0/\u{0668}", #""10.0.0.0/\#u{0668}": the prefix length is no number of digits alone: 0 to 32"#),
    ]) func wrongTexts(text: String, message: String) {
        let error = #expect(throws: NetworkError.self) { try Network(text) }
        #expect(error?.description == message)
        guard let remedy = message.split(separator: "; write ").dropFirst().last, remedy.contains(where: \.isNumber),
            !remedy.contains(" ")
        else { return }
        #expect(throws: Never.self) {
            try Network(remedy.contains(".") || remedy.contains(":") ? String(remedy) : "::/\(remedy)")
        }
    }

    @Test func aLongTextIsCut() {
        let error = #expect(throws: NetworkError.self) { try Network(String(repeating: "x", count: 100_000)) }
        let expected = String(repeating: "x", count: 60) + "...: a name is no network; write its address"
        #expect(error?.description == expected)
    }

    @Test func aBareAddressIsTheNetworkOfItself() throws {
        #expect(try Network("10.0.0.1") == Network("10.0.0.1/32"))
        #expect(try Network("::ffff:10.0.0.1") == Network("10.0.0.1"))
        #expect(try Network("::1") == Network("::1/128"))
        #expect(try Network("::") != Network("::/0"))
        #expect(try Network("0.0.0.0/0") != Network("::/0"))
    }
}
