import Reactor
import TestSupport
import Testing

@testable import Balancer

/// What is written, byte by byte, and read again.
@Suite struct ProxyHeaderWriterTests {
    /// What `body` writes into a buffer of `count` bytes; what it leaves alone beyond its end stays as it was.
    @safe private static func written(
        room: Int = ProxyHeaderWriter.bytesMax, _ body: (UnsafeMutableRawBufferPointer) -> Int
    ) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xA5, count: room)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe body($0) }
        #expect(bytes[count...].allSatisfy { $0 == 0xA5 }, "written beyond its end")
        return Array(bytes[..<count])
    }

    private static func write(
        _ version: ProxyVersion, _ source: SocketAddress?, _ destination: SocketAddress?,
        _ options: ProxyHeaderWriter.Options = [], uniqueID: UInt64 = 0, authority: [UInt8]? = nil
    ) -> [UInt8] {
        written {
            unsafe ProxyHeaderWriter.write(
                version, source: source, destination: destination, options: options, uniqueID: uniqueID,
                authority: authority, into: $0)
        }
    }

    private static let client = SocketAddress.ipv4(0xC0A8_0001, port: 56324)
    private static let listener = SocketAddress.ipv4(0xC0A8_000B, port: 443)
    private static let client6 = SocketAddress.ipv6(high: 0x2001_0DB8_0000_0000, low: 1, scope: 0, port: 56324)
    private static let listener6 = SocketAddress.ipv6(high: 0x2001_0DB8_0000_0000, low: 2, scope: 0, port: 443)
    private static let linkLocal = SocketAddress.ipv6(high: 0xFE80 << 48, low: 3, scope: 7, port: 1)
    private static let unix = SocketAddress.unix(path: "/run/balancer.sock")

    private static func hex(_ rest: String...) -> [UInt8] {
        ProxyVector.hex(([ProxyVector.signature] + rest).joined())
    }

    @Test func lines() {
        func line(_ source: SocketAddress?, _ destination: SocketAddress?) -> String {
            String(
                decoding: Self.write(.v1, source, destination, [.checksum, .uniqueID], authority: [0x61]), as: UTF8.self
            )
        }
        #expect(line(Self.client, Self.listener) == "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n")
        #expect(line(Self.client6, Self.listener6) == "PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n")
        #expect(line(Self.client, Self.listener6) == "PROXY TCP6 ::ffff:192.168.0.1 2001:db8::2 56324 443\r\n")
        #expect(line(Self.client6, Self.listener) == "PROXY TCP6 2001:db8::1 ::ffff:192.168.0.11 56324 443\r\n")
        #expect(line(Self.linkLocal, Self.listener6) == "PROXY TCP6 fe80::3 2001:db8::2 1 443\r\n")
        #expect(line(.ipv4(0, port: 0), .ipv4(.max, port: .max)) == "PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n")
        for port: UInt16 in [1, 9, 10, 11, 99, 100, 999, 1_000, 9_999, 10_000, 10_001] {
            #expect(line(.ipv4(1, port: port), .ipv4(2, port: 0)) == "PROXY TCP4 0.0.0.1 0.0.0.2 \(port) 0\r\n")
        }
        for (source, destination) in [(nil, Self.listener), (Self.client, nil), (Self.unix, Self.unix), (nil, nil)] {
            #expect(line(source, destination) == "PROXY UNKNOWN\r\n")
        }
        #expect(ProxyHeaderWriter.probe(.v1, from: nil, to: nil) == Array("PROXY UNKNOWN\r\n".utf8))
        #expect(
            ProxyHeaderWriter.probe(.v1, from: .ipv4(0x0A00_0001, port: 5), to: .ipv4(0x0A00_0002, port: 80))
                == Array("PROXY TCP4 10.0.0.1 10.0.0.2 5 80\r\n".utf8))
    }

    @Test func binary() {
        #expect(
            Self.write(.v2, Self.client, Self.listener) == Self.hex("21 11 000C C0A80001 C0A8000B DC04 01BB"))
        let from = "20010DB8000000000000000000000001"
        let to = "20010DB8000000000000000000000002"
        #expect(Self.write(.v2, Self.client6, Self.listener6) == Self.hex("21 21 0024", from, to, "DC04 01BB"))
        #expect(
            Self.write(.v2, Self.client, Self.listener6)
                == Self.hex("21 21 0024 00000000000000000000FFFFC0A80001", to, "DC04 01BB"))
        #expect(
            Self.write(.v2, Self.client6, Self.listener)
                == Self.hex("21 21 0024", from, "00000000000000000000FFFFC0A8000B DC04 01BB"))
        for (source, destination) in [(nil, Self.listener), (Self.client, nil), (Self.unix, Self.client6), (nil, nil)] {
            #expect(Self.write(.v2, source, destination) == Self.hex("20 00 0000"))
        }
        #expect(ProxyHeaderWriter.probe(.v2, from: .ipv4(1, port: 1), to: .ipv4(2, port: 2)) == Self.hex("20 00 0000"))
    }

    @Test func fields() {
        let authority = Array("a.b".utf8)
        #expect(
            Self.write(
                .v2, Self.client, Self.listener, .uniqueID, uniqueID: 0x0123_4567_89AB_CDEF, authority: authority)
                == Self.hex(
                    "21 11 0025 C0A80001 C0A8000B DC04 01BB 02 0003 612E62 05 0010 30313233343536373839616263646566"))
        // As HAProxy has sent it.
        let loopback = { SocketAddress.ipv4(0x7F00_0001, port: $0) }
        #expect(
            Self.write(.v2, loopback(37166), loopback(58621), [.checksum, .uniqueID], uniqueID: 0x0123_4567_89AB_CDEF)
                == Self.hex(
                    "21 11 0026 7F000001 7F000001 912E E4FD 03 0004 B2F8E91A 05 0010 30313233343536373839616263646566"))
        #expect(Self.write(.v2, nil, nil, authority: authority) == Self.hex("20 00 0006 02 0003 612E62"))
        let long = [UInt8](repeating: 0x61, count: 256)
        #expect(Self.write(.v2, nil, nil, authority: long) == Self.hex("20 00 0000"))
        #expect(Self.write(.v2, nil, nil, authority: Array(long[1...])).count == 16 + 3 + 255)
    }

    @Test func theLongestHeaderAndShortBuffers() {
        let longest = Self.write(
            .v2, Self.client6, Self.listener6, [.checksum, .uniqueID], uniqueID: .max,
            authority: [UInt8](repeating: 0x61, count: 255))
        #expect(longest.count == ProxyHeaderWriter.bytesMax)
        #expect(ProxyHeaderWriter.bytesMax <= 536)
        for room in [0, 1, 16, ProxyHeaderWriter.bytesMax - 1] {
            for version in ProxyVersion.allCases {
                let bytes = Self.written(room: room) {
                    unsafe ProxyHeaderWriter.write(version, source: Self.client, destination: Self.listener, into: $0)
                }
                #expect(bytes.isEmpty)
            }
        }
    }

    // MARK: round trips

    private static func randomAddress(_ dice: inout SplitMix64) -> SocketAddress? {
        let port = UInt16.random(in: 0...UInt16.max, using: &dice)
        switch Int.random(in: 0...9, using: &dice) {
        case 0: return nil
        case 1: return unix
        case 2...5: return .ipv4(.random(in: 0...UInt32.max, using: &dice), port: port)
        default:
            // With few bits set there are zeros for `::`.
            let sparse = Bool.random(using: &dice)
            func half() -> UInt64 {
                let bits = UInt64.random(in: 0...UInt64.max, using: &dice)
                return sparse ? bits & 0xFFFF_0000_00F0_0000 : bits
            }
            return .ipv6(high: half(), low: half(), scope: Bool.random(using: &dice) ? 3 : 0, port: port)
        }
    }

    @Test(arguments: ProxyVersion.allCases) func roundTrips(_ version: ProxyVersion) {
        let seed = PrefaceSeed.make()
        var dice = SplitMix64(seed: seed)
        for round in 0..<5_000 {
            let (source, destination) = (Self.randomAddress(&dice), Self.randomAddress(&dice))
            let options = ProxyHeaderWriter.Options(rawValue: .random(in: 0...3, using: &dice))
            let name = (0..<Int.random(in: 0...40, using: &dice)).map { _ in UInt8.random(in: 0...255, using: &dice) }
            let authority = Bool.random(using: &dice) ? name : nil
            let bytes = Self.write(version, source, destination, options, uniqueID: dice.next(), authority: authority)
            let comment = "seed \(seed), round \(round): \(bytes)"
            guard case .header(let header, bytes.count) = ProxyHeader.readAnyhow(bytes, comment) else {
                Issue.record("\(ProxyHeader.read(bytes)) \(comment)")
                continue
            }
            #expect(header.version == version)
            #expect(header.addresses == Self.expected(source, destination), "\(comment)")
            // Without addresses it is LOCAL, of which nothing else is read.
            let isNamed = version == .v2 && header.addresses != nil && authority?.isEmpty == false
            #expect(header.authority.map { Array(bytes[$0]) } == (isNamed ? authority : nil), "\(comment)")
        }
    }

    private static func expected(_ source: SocketAddress?, _ destination: SocketAddress?) -> ProxyAddresses? {
        guard let source = source?.withoutScope, let destination = destination?.withoutScope else { return nil }
        return ProxyAddresses(source: source.canonical, destination: destination.canonical)
    }
}

extension SocketAddress {
    /// What of an address a header can say; nil of a Unix socket.
    fileprivate var withoutScope: SocketAddress? {
        switch self {
        case .ipv4: self
        case .ipv6(let high, let low, _, let port): .ipv6(high: high, low: low, scope: 0, port: port)
        case .unix: nil
        }
    }
}
