import Reactor
import TestSupport
import Testing

@testable import Balancer

/// Lines of version 1.
@Suite struct ProxyLineTests {
    @Test(
        arguments: [
            ("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n", "0.0.0.0:0", "255.255.255.255:65535"),
            ("PROXY TCP6 :: ::1 1 2\r\n", "[::]:1", "[::1]:2"),
            ("PROXY TCP6 2001:DB8::A 2001:0db8:0:0:0:0:0:b 80 443\r\n", "[2001:db8::a]:80", "[2001:db8::b]:443"),
            ("PROXY TCP6 1:2:3:4:5:6:7:: ::2:3:4:5:6:7:8 80 443\r\n", "[1:2:3:4:5:6:7:0]:80", "[0:2:3:4:5:6:7:8]:443"),
            ("PROXY TCP6 ::ffff:10.0.0.1 ::FFFF:A00:2 80 443\r\n", "10.0.0.1:80", "10.0.0.2:443"),
            ("PROXY TCP6 1:2:3:4:5:6:7.8.9.10 1::4.3.2.1 80 443\r\n", "[1:2:3:4:5:6:708:90a]:80", "[1::403:201]:443"),
            ("PROXY TCP6 fe80::1 fe80::2 80 443\r\n", "[fe80::1]:80", "[fe80::2]:443"),
        ])
    func right(_ line: String, _ source: String, _ destination: String) {
        let bytes = Array(line.utf8)
        guard case .header(let header, let count) = ProxyHeader.readAnyhow(bytes) else {
            Issue.record("\(ProxyHeader.read(bytes))")
            return
        }
        #expect(count == bytes.count && header.version == .v1 && header.authority == nil)
        #expect(header.addresses?.source.description == source)
        #expect(header.addresses?.destination.description == destination)
    }

    @Test(arguments: ["", " ", "X", " TCP4 1.2.3.4", " \0\u{1}\t", " \u{FC}nknown", "UNKNOWN  "])
    func unknown(_ rest: String) {
        let bytes = Array("PROXY UNKNOWN\(rest)\r\n".utf8)
        #expect(ProxyHeader.readAnyhow(bytes) == .header(ProxyHeader(version: .v1), count: bytes.count))
    }

    /// The line up to the byte with which it is found to be wrong, which is the last one here.
    @Test(
        arguments: [
            ("X", .word), (" ", .word), ("\r", .shortLine), ("\n", .lineEnd), ("t", .word), ("TCP ", .word),
            ("TCP5", .word),
            ("TCP4\t", .word), ("TCP44", .word), ("TCP4\r", .shortLine), ("UNKNOWM", .word), ("UNKNOW ", .word),
            ("UD", .word),
            ("TCP4  ", .address(.source, isIPv6: false)), ("TCP4 :", .address(.source, isIPv6: false)),
            ("TCP4 1.2.3 ", .address(.source, isIPv6: false)), ("TCP4 1.2.3. ", .address(.source, isIPv6: false)),
            ("TCP4 1.2.3.4.", .address(.source, isIPv6: false)), ("TCP4 256", .address(.source, isIPv6: false)),
            ("TCP4 01", .address(.source, isIPv6: false)), ("TCP4 00", .address(.source, isIPv6: false)),
            ("TCP4 1..", .address(.source, isIPv6: false)), ("TCP4 0x", .address(.source, isIPv6: false)),
            ("TCP4 -", .address(.source, isIPv6: false)), ("TCP4 1.2.3.4\r", .shortLine),
            ("TCP4 1.2.3.4\t", .address(.source, isIPv6: false)), ("TCP4 1.2.3.4\n", .lineEnd),
            ("TCP4 1.2.3.4  ", .address(.destination, isIPv6: false)),
            ("TCP4 1.2.3.4 :", .address(.destination, isIPv6: false)),
            ("TCP6 1.", .address(.source, isIPv6: true)), ("TCP6 fe80::1%", .address(.source, isIPv6: true)),
            ("TCP6 [", .address(.source, isIPv6: true)), ("TCP6 :1", .address(.source, isIPv6: true)),
            ("TCP6 :::", .address(.source, isIPv6: true)), ("TCP6 1::2::", .address(.source, isIPv6: true)),
            ("TCP6 12345", .address(.source, isIPv6: true)), ("TCP6 1:2:3:4:5:6:7 ", .address(.source, isIPv6: true)),
            ("TCP6 1:2:3:4:5:6:7:8:", .address(.source, isIPv6: true)), ("TCP6 1: ", .address(.source, isIPv6: true)),
            ("TCP6 1:2:3:4:5:6:7::8", .address(.source, isIPv6: true)), ("TCP6 g", .address(.source, isIPv6: true)),
            ("TCP6 ::1 1.", .address(.destination, isIPv6: true)),
            ("TCP4 1.2.3.4 1.2.3.4  ", .port(.source)), ("TCP4 1.2.3.4 1.2.3.4 00", .port(.source)),
            ("TCP4 1.2.3.4 1.2.3.4 01", .port(.source)), ("TCP4 1.2.3.4 1.2.3.4 +", .port(.source)),
            ("TCP4 1.2.3.4 1.2.3.4 -", .port(.source)), ("TCP4 1.2.3.4 1.2.3.4 65536", .port(.source)),
            ("TCP4 1.2.3.4 1.2.3.4 100000", .port(.source)), ("TCP4 1.2.3.4 1.2.3.4 1\r", .shortLine),
            ("TCP4 1.2.3.4 1.2.3.4 1  ", .port(.destination)), ("TCP4 1.2.3.4 1.2.3.4 1 \r", .port(.destination)),
            ("TCP4 1.2.3.4 1.2.3.4 1 2 ", .port(.destination)), ("TCP4 1.2.3.4 1.2.3.4 1 65536", .port(.destination)),
            ("TCP4 1.2.3.4 1.2.3.4 1 2\n", .lineEnd), ("TCP4 1.2.3.4 1.2.3.4 1 2\r\r", .lineEnd),
            ("TCP4 1.2.3.4 1.2.3.4 1 2\rG", .lineEnd), ("UNKNOWN\n", .lineEnd), ("UNKNOWN a\rb", .lineEnd),
        ] as [(String, ProxyHeaderFault)])
    func wrong(_ rest: String, _ fault: ProxyHeaderFault) {
        let bytes = Array("PROXY \(rest)".utf8)
        #expect(ProxyHeader.readAnyhow(bytes) == .malformed(fault))
        #expect(ProxyHeader.read(Array(bytes.dropLast())) == .incomplete, "found too early")
    }

    /// CR LF must be among the first 107 bytes.
    @Test func lengths() {
        for count in 13...110 {
            let line = Array("PROXY UNKNOWN".utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: count - 13)
            let result = ProxyHeader.readAnyhow(line + Array("\r\n".utf8))
            #expect(
                result == (count <= 105 ? .header(ProxyHeader(version: .v1), count: count + 2) : .malformed(.longLine)))
            #expect(ProxyHeader.read(line) == (count <= 105 ? .incomplete : .malformed(.longLine)), "\(count) bytes")
        }
    }
}
