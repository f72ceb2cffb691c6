import Reactor
import TestSupport
import Testing

@testable import Balancer

/// Headers as they are written in the specification, and damaged ones.
@Suite struct ProxyHeaderTests {
    @Test(arguments: ProxyVector.all) func vectors(_ vector: ProxyVector) {
        let expected = ProxyHeaderResult.header(vector.header, count: vector.bytes.count)
        #expect(ProxyHeader.read(vector.bytes) == expected)
        for rest in ["G", "GET / HTTP/1.1\r\n", "\r\n", "PROXY TCP4 "] {
            #expect(ProxyHeader.read(vector.bytes + Array(rest.utf8)) == expected)
        }
        for count in vector.bytes.indices {
            #expect(ProxyHeader.read(Array(vector.bytes[..<count])) == .incomplete, "\(count) bytes")
        }
    }

    /// A flipped bit can make another header, but no other result than by its own rules.
    @Test(arguments: ProxyVector.all) func flippedBits(_ vector: ProxyVector) {
        for bit in 0..<vector.bytes.count * 8 {
            var bytes = vector.bytes
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            let result = ProxyHeader.readAnyhow(bytes, "bit \(bit)")
            if bit / 8 < vector.signatureBytes {
                #expect(result == .absent, "bit \(bit)")
            } else {
                Self.expectSane(result, bytes, "bit \(bit)")
            }
        }
    }

    /// Each bit of a header with a checksum counts.
    @Test(arguments: ProxyVector.all.filter { $0.name.contains("checksum") })
    func flippedBitsUnderAChecksum(_ vector: ProxyVector) {
        #expect(vector.bytes.count > 28)
        // In the fixed part a bit may make the header longer or LOCAL, which has no checksum.
        for bit in 16 * 8..<vector.bytes.count * 8 {
            var bytes = vector.bytes
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            guard case .header = ProxyHeader.read(bytes) else { continue }
            let isOfItsHead = bytes[28] != 3
            #expect(isOfItsHead, "bit \(bit)")
        }
    }

    /// What holds for every result.
    static func expectSane(_ result: ProxyHeaderResult, _ bytes: [UInt8], _ comment: String) {
        switch result {
        case .header(let header, let count):
            #expect(count <= bytes.count && count <= ProxyHeader.bytesMax, "\(comment)")
            if let authority = header.authority {
                #expect(authority.lowerBound >= 19 && authority.upperBound <= count && !authority.isEmpty, "\(comment)")
            }
            for end in [header.addresses?.source, header.addresses?.destination] { #expect(end == end?.canonical) }
        case .incomplete: #expect(bytes.count < ProxyHeader.bytesMax, "\(comment)")
        case .malformed(let fault): #expect(!fault.description.isEmpty)
        case .absent: break
        }
    }

    @Test func theClientsBytes() {
        for text in [
            "GET / HTTP/1.1\r\n", "SSH-2.0-", "PROXX", "PROXYTCP4 ", "PROXY\tTCP4", "proxy ", " PROXY", "\r\n\r\nA",
            "\r\r",
        ] {
            #expect(ProxyHeader.readAnyhow(Array(text.utf8)) == .absent, "\(text)")
        }
        #expect(ProxyHeader.read([]) == .incomplete)
        #expect(ProxyHeader.readAnyhow([0x16, 0x03, 0x01]) == .absent)
    }

    // MARK: version 2

    private static let addresses = "C0A80001 C0A8000B DC04 01BB"

    @Test(
        arguments: [
            ("11 11 000C", .version(1)), ("31 11 000C", .version(3)), ("01", .version(0)),
            ("22 11 000C", .command(2)), ("2F", .command(15)),
            ("21 41 000C", .family(4)), ("21 F1", .family(15)), ("21 13 000C", .transport(3)),
            ("21 1F", .transport(15)),
            ("21 11 0000", .shortAddresses(length: 0, needed: 12)),
            ("21 11 000B", .shortAddresses(length: 11, needed: 12)),
            ("21 12 0001", .shortAddresses(length: 1, needed: 12)),
            ("21 21 0023", .shortAddresses(length: 35, needed: 36)),
            ("21 31 00D7", .shortAddresses(length: 215, needed: 216)),
            ("21 11 3FF1", .length), ("21 11 40", .length), ("21 11 FFFF", .length), ("20 00 3FF1", .length),
            ("20 00 FF", .length),
            ("21 11 000D \(addresses) 04", .beyondEnd(type: 4)),
            ("21 11 000E \(addresses) 0400", .beyondEnd(type: 4)),
            ("21 11 000F \(addresses) 040001", .beyondEnd(type: 4)),
            ("21 11 000F \(addresses) 04FFFF", .beyondEnd(type: 4)),
            ("21 11 0014 \(addresses) 02000A 31323334353132333435", .beyondEnd(type: 2)),
            ("21 11 0014 \(addresses) 020004 3132333400", .beyondEnd(type: 0)),
            ("21 11 0012 \(addresses) 030003 010203", .checksumLength(3)),
            ("21 11 0014 \(addresses) 030005 0102030405", .checksumLength(5)),
            ("21 11 000F \(addresses) 030000", .checksumLength(0)),
            ("21 11 001A \(addresses) 030004 01020304 030004 01020304", .checksums),
            ("21 11 0013 \(addresses) 030004 00000000", .checksum),
            ("21 00 0007 030004 00000000", .checksum),
        ] as [(String, ProxyHeaderFault)])
    func malformedBinary(_ rest: String, _ fault: ProxyHeaderFault) {
        #expect(ProxyHeader.readAnyhow(ProxyVector.hex(ProxyVector.signature, rest)) == .malformed(fault))
    }

    /// The checksum of UNSPEC counts, too; that of LOCAL is discarded with the rest.
    @Test func checksumsWithoutAddresses() {
        var bytes = ProxyVector.hex(ProxyVector.signature, "21 00 0007 030004 00000000")
        let checksum = CRC32CTests.checksum(bytes)
        for place in 0..<4 { bytes[19 + place] = UInt8(truncatingIfNeeded: checksum >> UInt32(24 - 8 * place)) }
        #expect(ProxyHeader.readAnyhow(bytes) == .header(ProxyHeader(version: .v2), count: 23))
        let local = ProxyVector.hex(ProxyVector.signature, "20 00 0007 030004 00000000")
        #expect(ProxyHeader.readAnyhow(local) == .header(ProxyHeader(version: .v2), count: 23))
    }

    /// An address that is mapped into IPv6 is IPv4.
    @Test func mappedAddresses() {
        let mapped = "00000000000000000000FFFF0A000001"
        let bytes = ProxyVector.hex(ProxyVector.signature, "21 21 0024", mapped, mapped, "0001 0002")
        let addresses = ProxyAddresses(source: .ipv4(0x0A00_0001, port: 1), destination: .ipv4(0x0A00_0001, port: 2))
        #expect(ProxyHeader.read(bytes) == .header(ProxyHeader(version: .v2, addresses: addresses), count: 52))
    }

    /// The longest header there may be, filled with TLVs of any length.
    @Test(arguments: [0, 1, 100, 16_353]) func theLongestHeader(_ valueBytes: Int) {
        let start = ProxyVector.hex(ProxyVector.signature, "21 11 3FF0", Self.addresses)
        var bytes = start
        while ProxyHeader.bytesMax - bytes.count >= 3 {
            let left = ProxyHeader.bytesMax - bytes.count - 3
            let count = left - valueBytes < 3 ? left : min(left, valueBytes)
            bytes += [4, UInt8(count >> 8), UInt8(count & 0xFF)] + [UInt8](repeating: 4, count: count)
        }
        guard case .header(_, count: 16_384) = ProxyHeader.read(bytes) else {
            Issue.record("\(ProxyHeader.read(bytes)) of \(bytes.count) bytes")
            return
        }
        #expect(ProxyHeader.read(Array(bytes.dropLast())) == .incomplete)
    }

    /// Lengths up to the most that two bytes can say, with 52 bytes behind them.
    @Test func liesAboutTheLength() {
        let ranges = [0...300, 16_360...16_380, 65_530...65_535]
        let lengths = ranges.flatMap(Array.init) + stride(from: 301, to: 65_530, by: 97)
        for fixed in ["2000", "2100", "2111", "2121", "2131", "2112", "2110"] {
            for length in lengths {
                var bytes = ProxyVector.hex(ProxyVector.signature, fixed) + [UInt8(length >> 8), UInt8(length & 0xFF)]
                bytes += [UInt8](repeating: 0, count: 52)
                let result = ProxyHeader.read(bytes)
                let isRight =
                    switch result {
                    case .header(_, let count): count == 16 + length && length <= 52
                    case .incomplete: (53...16_368).contains(length)
                    case .malformed(.length): length > 16_368
                    case .malformed(.shortAddresses(length, let needed)): length < needed
                    // Zeros are TLVs of three bytes.
                    case .malformed(.beyondEnd(0)): length % 3 != 0 && length <= 68
                    default: false
                    }
                if !isRight { Issue.record("\(result) of \(fixed) and \(length)") }
            }
        }
    }

    // MARK: random

    @Test func randomBytes() {
        let seed = PrefaceSeed.make()
        var dice = SplitMix64(seed: seed)
        for round in 0..<20_000 {
            var bytes =
                [Array("PROXY ".utf8), Array("PROXY TCP6 ".utf8), ProxyVector.hex(ProxyVector.signature, "21"), []]
                .randomElement(using: &dice) ?? []
            if bytes.first == 0x0D, Bool.random(using: &dice) {
                bytes += [
                    [0x00, 0x11, 0x21, 0x12].randomElement(using: &dice) ?? 0, 0, .random(in: 0...90, using: &dice),
                ]
            }
            let alphabet: [UInt8] = Bool.random(using: &dice) ? Array(" 0123:.f\r\n".utf8) : [0, 1, 2, 3, 4, 5, 255]
            for _ in 0..<Int.random(in: 0...60, using: &dice) {
                bytes.append(alphabet.randomElement(using: &dice) ?? 0)
            }
            let comment = "seed \(seed), round \(round)"
            Self.expectSane(ProxyHeader.readAnyhow(bytes, comment), bytes, comment)
        }
    }
}

extension ProxyVector {
    /// The bytes before which a wrong one makes it no header.
    fileprivate var signatureBytes: Int { header.version == .v1 ? 6 : 12 }
}
