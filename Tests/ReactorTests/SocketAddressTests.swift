import CEpoll
import Glibc
import Testing

@testable import Reactor

@Suite struct SocketAddressTests {
    @Test(arguments: [
        ("10.0.0.5", SocketAddress.ipv4(0x0A00_0005, port: 80), "10.0.0.5"),
        ("0.0.0.0", .ipv4(0, port: 80), "0.0.0.0"),
        ("255.255.255.255", .ipv4(.max, port: 80), "255.255.255.255"),
        ("::", .ipv6(high: 0, low: 0, scope: 0, port: 80), "::"),
        ("::1", .ipv6(high: 0, low: 1, scope: 0, port: 80), "::1"),
        ("2001:DB8:0:0:0:0:0:5", .ipv6(high: 0x2001_0DB8_0000_0000, low: 5, scope: 0, port: 80), "2001:db8::5"),
        ("fe80::1%7", .ipv6(high: 0xFE80_0000_0000_0000, low: 1, scope: 7, port: 80), "fe80::1%7"),
        ("::ffff:1.2.3.4", .ipv4(0x0102_0304, port: 80), "1.2.3.4"),
        ("::ffff:7f00:1", .ipv4(0x7F00_0001, port: 80), "127.0.0.1"),
        ("::ffff:0.0.0.0", .ipv4(0, port: 80), "0.0.0.0"),
        ("2001:db8::5%7", .ipv6(high: 0x2001_0DB8_0000_0000, low: 5, scope: 0, port: 80), "2001:db8::5"),
        ("::1%lo", .ipv6(high: 0, low: 1, scope: 0, port: 80), "::1"),
        ("0::0:1", .ipv6(high: 0, low: 1, scope: 0, port: 80), "::1"),
        (
            "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295",
            .ipv6(high: 0xFEBF_FFFF_FFFF_FFFF, low: .max, scope: .max, port: 80),
            "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295"
        ),
    ])
    func readsAndPrintsAddresses(_ text: String, _ address: SocketAddress, _ printed: String) {
        #expect(SocketAddress(host: text, port: 80) == address)
        #expect(address.host == printed)
        #expect(address.withHostText { $0.count } == printed.utf8.count)
        #expect(SocketAddress(host: address.host, port: 80) == address)
    }

    @Test func aScopeMayBeAnInterface() throws {
        let index = unsafe if_nametoindex("lo")
        try #require(index > 0)
        #expect(
            SocketAddress(host: "fe80::1%lo", port: 1)
                == .ipv6(high: 0xFE80_0000_0000_0000, low: 1, scope: index, port: 1))
    }

    @Test(arguments: [
        "", " ", "localhost", "1", "127.1", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "0x7f.0.0.1", "1.2.3.4 ",
        " 1.2.3.4", "1.2.3.4:80", "::1:80:", ":::", "[::1]", "1::2::3", "fe80::1%", "fe80::1%0", "fe80::1%nosuchif0",
        "fe80::1%+7", "fe80::1%-7", "fe80::1%4294967296", "1.2.3.4%lo", "%1", "1.2.3.4\0", "127.0.0.1\0.example",
        "::1\0", "fe80::1%lo\0x", "１.2.3.4",
    ])
    func whatIsNoAddressIsRefused(text: String) {
        #expect(SocketAddress(host: text, port: 80) == nil)
    }

    @Test func describedWithItsPort() {
        #expect(SocketAddress.ipv4(0x7F00_0001, port: 8090).description == "127.0.0.1:8090")
        #expect(SocketAddress.ipv6(high: 0, low: 1, scope: 0, port: 8090).description == "[::1]:8090")
        #expect(SocketAddress.ipv6(high: 0, low: 1, scope: 3, port: 0).description == "[::1%3]:0")
        #expect(SocketAddress.unix(path: "/run/chat.sock").description == "unix:/run/chat.sock")
        #expect(SocketAddress.unix(path: "/run/chat.sock").host == "/run/chat.sock")
    }

    @Test func thePortCanBeReplaced() {
        #expect(SocketAddress.ipv4(1, port: 2).with(port: 65_535) == .ipv4(1, port: 65_535))
        #expect(
            SocketAddress.ipv6(high: 1, low: 2, scope: 3, port: 4).with(port: 5)
                == .ipv6(high: 1, low: 2, scope: 3, port: 5))
        #expect(SocketAddress.unix(path: "/a").with(port: 5) == .unix(path: "/a"))
        #expect(SocketAddress.ipv4(1, port: 2).port == 2)
        #expect(SocketAddress.ipv6(high: 1, low: 2, scope: 3, port: 4).port == 4)
        #expect(SocketAddress.unix(path: "/a").port == 0)
    }

    @Test func theWildcardsAreKnown() {
        #expect(SocketAddress.ipv4(0, port: 1).isWildcard)
        #expect(SocketAddress.ipv6(high: 0, low: 0, scope: 0, port: 1).isWildcard)
        #expect(!SocketAddress.ipv4(1, port: 0).isWildcard)
        #expect(!SocketAddress.ipv6(high: 0, low: 1, scope: 0, port: 0).isWildcard)
        #expect(!SocketAddress.ipv6(high: 1, low: 0, scope: 0, port: 0).isWildcard)
        #expect(!SocketAddress.unix(path: "/a").isWildcard)
    }

    @Test func families() {
        #expect(SocketAddress.ipv4(0, port: 0).family == AF_INET)
        #expect(SocketAddress.ipv6(high: 0, low: 0, scope: 0, port: 0).family == AF_INET6)
        #expect(SocketAddress.unix(path: "/a").family == AF_UNIX)
    }

    @Test func aUnixPathFitsTheKernelsField() {
        let longest = "/" + String(repeating: "x", count: SocketAddress.unixPathBytesMax - 1)
        #expect(SocketAddress(unixPath: longest) == .unix(path: longest))
        #expect(SocketAddress(unixPath: longest + "x") == nil)
        // Bytes count, not characters.
        #expect(SocketAddress(unixPath: String(repeating: "é", count: 54)) == nil)
        #expect(SocketAddress(unixPath: "") == nil)
        #expect(SocketAddress(unixPath: "/run/a\0b") == nil)
        #expect(MemoryLayout.size(ofValue: sockaddr_un().sun_path) == SocketAddress.unixPathBytesMax + 1)
    }

    /// Through the form that the kernel wants and back.
    @Test(arguments: [
        SocketAddress.ipv4(0x0102_0304, port: 0x0506),
        .ipv6(high: 0xFE80_0304_0506_0708, low: 0x090A_0B0C_0D0E_0F10, scope: 0x1112_1314, port: 0x1516),
        .unix(path: "/run/chat.sock"),
        .unix(path: "/" + String(repeating: "x", count: 106)),
    ])
    func comesBackFromTheKernelsForm(address: SocketAddress) {
        #expect(Self.throughSockAddr(address) == address)
    }

    @Test func aMappedAddressFromTheKernelIsIPv4() {
        let mapped = SocketAddress.ipv6(high: 0, low: 0xFFFF_0102_0304, scope: 0, port: 9)
        #expect(Self.throughSockAddr(mapped) == .ipv4(0x0102_0304, port: 9))
        for near in [(high: UInt64(1), low: UInt64(0xFFFF_0102_0304)), (high: 0, low: 0xFFFE_0102_0304)] {
            let address = SocketAddress.ipv6(high: near.high, low: near.low, scope: 0, port: 9)
            #expect(Self.throughSockAddr(address) == address)
        }
    }

    private static func throughSockAddr(_ address: SocketAddress) -> SocketAddress {
        unsafe address.withSockAddr { pointer, length in
            var storage = sockaddr_storage()
            unsafe withUnsafeMutableBytes(of: &storage) {
                unsafe $0.copyMemory(from: UnsafeRawBufferPointer(start: pointer, count: Int(length)))
            }
            return SocketAddress(storage, length: Int(length))
        }
    }

    @Test(arguments: ["127.0.0.1", "0.0.0.0", "::1", "::"]) func comesBackFromTheKernel(host: String) throws {
        let asked = try #require(SocketAddress(host: host, port: 0))
        let listener = try Listener(asked)
        #expect(listener.address.port != 0)
        #expect(listener.address.with(port: 0) == asked)
    }
}
