import Testing

@testable import Discovery

/// Each kind of wrong answer has its own reason, and none is read beyond its end.
@Suite struct MalformedMessageTests {
    private static func fault(_ bytes: [UInt8], _ type: RecordType = .a) throws -> WireFault? {
        let asked = try question("www.example.org", type)
        do throws(WireFault) {
            _ = try Message(bytes, id: 0x1234, question: asked)
            return nil
        } catch {
            return error
        }
    }

    private static let asked = "03 'www' 07 'example' 03 'org' 00  0001 0001"
    private static let head = "1234 8180 0001 0001 0000 0000  03 'www' 07 'example' 03 'org' 00  0001 0001"

    @Test(arguments: [
        ("", WireFault.short(bytes: 0)),
        ("1234 8180 0001 0000 0000 00", .short(bytes: 11)),
        ("1234 0100 0001 0000 0000 0000" + asked, .noResponse),
        ("1235 8180 0001 0000 0000 0000" + asked, .otherID),
        ("1234 8180 0000 0000 0000 0000", .otherQuestion),
        ("1234 8183 0000 0000 0000 0000", .otherQuestion),
        ("1234 8180 0002 0000 0000 0000" + asked + asked, .otherQuestion),
        ("1234 8180 0001 0000 0000 0000 03 'wwx' 07 'example' 03 'org' 00  0001 0001", .otherQuestion),
        ("1234 8180 0001 0000 0000 0000 03 'www' 07 'example' 03 'org' 00  001C 0001", .otherQuestion),
        ("1234 8180 0001 0000 0000 0000 03 'www' 07 'example' 03 'org' 00  0001 0003", .otherQuestion),
        ("1234 8180 0001 0000 0000 0000 03 'www' 07 'example' 03 'org' 00  0001", .cutShort),
        ("1234 8180 0001 0000 0000 0000", .cutShort),
        ("1234 A180 0001 0000 0000 0000" + asked, .operation(4)),
    ])
    func headersAndQuestions(text: String, expected: WireFault) throws {
        #expect(try Self.fault(wire(text)) == expected)
    }

    @Test(arguments: [
        // One record is announced and none, or the beginning of one, is there.
        ("", WireFault.cutShort),
        ("C00C", .cutShort),
        ("C00C 0001 0001 0000012C 0004 7F0000", .cutShort),
        ("C00C 0001 0001 0000012C FFFF 7F000001", .cutShort),
        ("C0", .cutShort),
        ("03 'ww'", .cutShort),
        // Two records are there, or a byte more.
        ("C00C 0001 0001 0000012C 0004 7F000001 C00C 0001 0001 0000012C 0004 7F000001", .trailingBytes(16)),
        ("C00C 0001 0001 0000012C 0004 7F000001 00", .trailingBytes(1)),
        // Data of another length than the type has.
        ("C00C 0001 0001 0000012C 0003 7F0000", .dataLength(.a)),
        ("C00C 0001 0001 0000012C 0005 7F00000100", .dataLength(.a)),
        ("C00C 0001 0001 0000012C 0000", .dataLength(.a)),
        ("C00C 001C 0001 0000012C 0004 7F000001", .dataLength(.aaaa)),
        ("C00C 0021 0001 0000012C 0006 0000 0000 0050", .dataLength(.srv)),
        ("C00C 0021 0001 0000012C 0008 0000 0000 0050 00 00", .dataLength(.srv)),
        ("C00C 0005 0001 0000012C 0003 C00C 00", .dataLength(.cname)),
        // The name goes on behind the record's end.
        ("C00C 0005 0001 0000012C 0001 C00C", .dataLength(.cname)),
        ("C00C 0005 0001 0000012C 0002 03 'www' 00", .dataLength(.cname)),
        // The record's name begins at 33: pointers to itself, behind it, beyond the end, into the header.
        ("C021", .pointer),
        ("C023 0001 0001 0000012C 0004 7F000001", .pointer),
        ("FFFF 0001 0001 0000012C 0004 7F000001", .pointer),
        ("C000 0001 0001 0000012C 0004 7F000001", .pointer),
        ("01 'a' C021 0001 0001 0000012C 0004 7F000001", .pointer),
        // Two pointers that lead to each other: the alias at 45.
        ("C00C 0005 0001 0000012C 0004 C02F C02D", .pointer),
        // The two kinds of labels that RFC 1035 reserves.
        ("41 'a' 00 0001 0001 0000012C 0004 7F000001", .labelKind),
        ("81 'a' 00 0001 0001 0000012C 0004 7F000001", .labelKind),
        // OPT among the answers.
        ("00 0029 04D0 00000000 0000", .misplacedOPT),
    ])
    func records(text: String, expected: WireFault) throws {
        #expect(try Self.fault(wire(Self.head + text)) == expected)
    }

    @Test func optStandsOnceAndAtTheRoot() throws {
        let opt = "00 0029 04D0 00000000 0000"
        let once = "1234 8180 0001 0000 0000 0001" + Self.asked
        #expect(try Self.fault(wire(once + opt)) == nil)
        #expect(try Self.fault(wire("1234 8180 0001 0000 0000 0002" + Self.asked + opt + opt)) == .misplacedOPT)
        #expect(try Self.fault(wire(once + "01 'a'" + opt)) == .misplacedOPT)
    }

    @Test func countsHaveALimit() throws {
        let record = wire("C00C 0001 0001 0000012C 0004 7F000001")
        func message(_ count: Int) -> [UInt8] {
            wire("1234 8180 0001") + word(count) + wire("0000 0000" + Self.asked)
                + (0..<count).flatMap { _ in record }
        }
        #expect(try Self.fault(message(Message.recordsMax)) == nil)
        #expect(try Self.fault(message(Message.recordsMax + 1)) == .tooManyRecords)
        // Three times 65,535 records in a message of a few bytes.
        #expect(try Self.fault(wire("1234 8180 0001 FFFF FFFF FFFF" + Self.asked)) == .tooManyRecords)
    }

    /// Names of 255 bytes are the longest, in one piece and put together by pointers.
    @Test func namesHaveALimit() throws {
        let label = [63] + [UInt8](repeating: UInt8(ascii: "a"), count: 63)
        let three = label + label + label
        func read(_ bytes: [UInt8], from place: Int = 12) -> Result<DomainName, WireFault> {
            Result { () throws(WireFault) in
                var reader = WireReader([UInt8](repeating: 0, count: 12) + bytes)
                try reader.skip(place)
                return try reader.name()
            }
        }
        let longest = three + [61] + [UInt8](repeating: UInt8(ascii: "b"), count: 61) + [0]
        #expect(longest.count == DomainName.wireBytesMax)
        #expect(read(longest) == .success(DomainName(wire: longest)))
        let longer = three + [62] + [UInt8](repeating: UInt8(ascii: "b"), count: 62) + [0]
        #expect(read(longer) == .failure(.longName))
        // 192 bytes at 12, and 62 in front of a pointer to them.
        let tail = three + [0]
        let front = [61] + [UInt8](repeating: UInt8(ascii: "b"), count: 61)
        #expect(read(tail + front + wire("C00C"), from: 12 + tail.count) == .success(DomainName(wire: front + tail)))
        let longFront = [62] + [UInt8](repeating: UInt8(ascii: "b"), count: 62)
        #expect(read(tail + longFront + wire("C00C"), from: 12 + tail.count) == .failure(.longName))
    }

    /// A chain of pointers that leads back in the smallest steps.
    @Test func pointersHaveALimit() throws {
        func read(_ count: Int) -> Result<DomainName, WireFault> {
            let chain = (0..<count).flatMap { word(0xC000 | (12 + max(0, 2 * $0 - 1))) }
            // The zero at 12 ends the name; the first pointer leads to it, each other one to the one before.
            return Result { () throws(WireFault) in
                var reader = WireReader([UInt8](repeating: 0, count: 13) + chain)
                try reader.skip(13 + 2 * (count - 1))
                return try reader.name()
            }
        }
        #expect(read(WireReader.pointersMax) == .success(.root))
        #expect(read(WireReader.pointersMax + 1) == .failure(.tooManyPointers))
    }
}
