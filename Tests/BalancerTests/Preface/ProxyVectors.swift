import Reactor
import Testing

@testable import Balancer

/// A header and what it says.
struct ProxyVector: CustomTestStringConvertible, Sendable {
    var name: String
    var bytes: [UInt8]
    var header: ProxyHeader

    var testDescription: String { name }

    private init(
        _ name: String, _ bytes: [UInt8], _ source: String = "", _ from: UInt16 = 0, _ destination: String = "",
        _ to: UInt16 = 0, authority: Range<Int>? = nil
    ) {
        self.name = name
        self.bytes = bytes
        header = ProxyHeader(version: bytes.first == 0x0D ? .v2 : .v1, authority: authority)
        if let source = SocketAddress(host: source, port: from),
            let destination = SocketAddress(host: destination, port: to)
        {
            header.addresses = ProxyAddresses(source: source, destination: destination)
        }
    }

    /// Bytes of the specification and of HAProxy.
    static let all: [ProxyVector] = specification + haproxy

    /// 2.1 has one example and the longest lines. 2.2 has none, but says each byte; the sample code of section 9 reads
    /// it.
    private static let specification: [ProxyVector] = [
        ProxyVector(
            "the example of 2.1", Array("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n".utf8), "192.168.0.1", 56324,
            "192.168.0.11", 443),
        ProxyVector(
            "the longest line of TCP4", Array("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n".utf8),
            "255.255.255.255", 65535, "255.255.255.255", 65535),
        ProxyVector(
            "the longest line of TCP6", Array("PROXY TCP6 \(full) \(full) 65535 65535\r\n".utf8), full, 65535, full,
            65535),
        ProxyVector("UNKNOWN", Array("PROXY UNKNOWN\r\n".utf8)),
        ProxyVector("the longest line", Array("PROXY UNKNOWN \(full) \(full) 65535 65535\r\n".utf8)),
        ProxyVector("LOCAL", hex(signature, "20 00 0000")),
        ProxyVector("LOCAL with a block to discard", hex(signature, "20 F7 0005 03 FFFF 0102")),
        ProxyVector("UNSPEC", hex(signature, "21 00 0000")),
        ProxyVector("UNSPEC with addresses to ignore", hex(signature, "21 00 0005 C0A80001 FF")),
        ProxyVector(
            "TCP over IPv4", hex(signature, "21 11 000C C0A80001 C0A8000B DC04 01BB"), "192.168.0.1", 56324,
            "192.168.0.11", 443),
        ProxyVector("UDP over IPv4", hex(signature, "21 12 000C C0A80001 C0A8000B DC04 01BB")),
        ProxyVector(
            "TCP over IPv6",
            hex(
                signature, "21 21 0024 20010DB8000000000000000000000001 20010DB8000000000000000000000002 DC04 01BB"),
            "2001:db8::1", 56324, "2001:db8::2", 443),
        ProxyVector(
            "UDP over IPv6",
            hex(signature, "21 22 0024 20010DB8000000000000000000000001 20010DB8000000000000000000000002 DC04 01BB")),
        ProxyVector("UNIX stream", hex(signature, "21 31 00D8") + [UInt8](repeating: 0x61, count: 216)),
        ProxyVector("UNIX datagram", hex(signature, "21 32 00D8") + [UInt8](repeating: 0x61, count: 216)),
        ProxyVector(
            "an authority behind NOOP, ALPN, SSL with TLVs inside it, NETNS and a custom type",
            hex(
                signature, "21 11 003D C0A80001 C0A8000B DC04 01BB 04 0000 04 0003 FFFFFF 01 0002 6832",
                "20 0013 01 00000000 21 0003 545631 02 0005 7868787878 30 0001 61 E0 0000 02 0003 612E62"),
            "192.168.0.1", 56324, "192.168.0.11", 443, authority: 74..<77),
        ProxyVector(
            "an authority of UNSPEC", hex(signature, "21 00 0006 02 0003 612E62"), authority: 19..<22),
        ProxyVector(
            "the first of two authorities, behind an empty one",
            hex(signature, "21 11 0017 C0A80001 C0A8000B DC04 01BB 02 0000 02 0001 61 02 0001 62"),
            "192.168.0.1", 56324, "192.168.0.11", 443, authority: 34..<35),
    ]

    /// What HAProxy 2.6.12 sent with `send-proxy`, `send-proxy-v2`, and `proxy-v2-options crc32c,unique-id`; the first
    /// one of TLVs is of its own test, reg-tests/connection/proxy_protocol_tlv_validation.vtc.
    private static let haproxy: [ProxyVector] = [
        ProxyVector(
            "authority, by HAProxy's test", hex(signature, "21 11 0014 7F000001 7F000001 002A 0539 02 0005 3132333435"),
            "127.0.0.1", 42, "127.0.0.1", 1337, authority: 31..<36),
        ProxyVector(
            "v1 over IPv6, by HAProxy", Array("PROXY TCP6 ::1 ::1 35742 48695\r\n".utf8), "::1", 35742, "::1", 48695),
        ProxyVector(
            "v2, by HAProxy", hex(signature, "21 11 000C 7F000001 7F000001 B550 C799"), "127.0.0.1", 46416, "127.0.0.1",
            51097),
        ProxyVector(
            "checksum and unique id, by HAProxy",
            hex(
                signature, "21 11 0026 7F000001 7F000001 912E E4FD 03 0004 B2F8E91A",
                "05 0010 30313233343536373839616263646566"),
            "127.0.0.1", 37166, "127.0.0.1", 58621),
        ProxyVector(
            "checksum and unique id over IPv6, by HAProxy",
            hex(
                signature, "21 21 003E 00000000000000000000000000000001 00000000000000000000000000000001 E210 C2A9",
                "03 0004 8D488240 05 0010 30313233343536373839616263646566"),
            "::1", 57872, "::1", 49833),
    ]

    private static let full = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    static let signature = "0D0A0D0A000D0A515549540A"

    /// Bytes from hexadecimal digits; spaces mean nothing.
    static func hex(_ parts: String...) -> [UInt8] {
        let digits = parts.joined().compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}

extension ProxyHeader {
    static func read(_ bytes: [UInt8]) -> ProxyHeaderResult { read(bytes.span) }

    /// The result for all bytes, after it was compared with those for fewer: they are incomplete until the result
    /// stands, and it stays with more bytes. So it makes no difference in which pieces the bytes come.
    static func readAnyhow(
        _ bytes: [UInt8], _ comment: @autoclosure () -> String = "", at location: SourceLocation = #_sourceLocation
    ) -> ProxyHeaderResult {
        let whole = read(bytes)
        var stands = false
        for count in 0..<bytes.count {
            let result = read(Array(bytes[..<count]))
            if result != .incomplete { stands = true }
            guard stands ? result == whole : true else {
                Issue.record(
                    "\(result) of \(count) bytes, \(whole) of all: \(bytes) \(comment())", sourceLocation: location)
                break
            }
        }
        return whole
    }
}
