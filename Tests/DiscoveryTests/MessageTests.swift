import Testing

@testable import Discovery

/// Messages as RFC 1035 and RFC 2782 have them, byte by byte.
@Suite struct MessageTests {
    /// Header and question of an answer to `www.example.org. A`, with one record.
    static let head = "1234 8180 0001 0001 0000 0000  03 'www' 07 'example' 03 'org' 00  0001 0001"

    static func read(_ text: String, _ type: RecordType = .a) throws -> Message {
        try Message(wire(text), id: 0x1234, question: question("www.example.org", type))
    }

    @Test func aQuestionIsWrittenAsTheStandardSays() throws {
        let plain = try question("www.Example.org.", .aaaa).message(id: 0xABCD, withEDNS: false)
        #expect(
            plain == wire("ABCD 0100 0001 0000 0000 0000  03 'www' 07 'example' 03 'org' 00  001C 0001"))
        // The OPT record: the root, type 41, 1232 bytes, no flags, no options.
        let extended = try question("a.", .srv).message(id: 1, withEDNS: true)
        #expect(
            extended
                == wire("0001 0100 0001 0000 0000 0001  01 'a' 00  0021 0001  00 0029 04D0 0000 0000 0000"))
    }

    /// RFC 1035, 4.1.4: F.ISI.ARPA, FOO.F.ISI.ARPA, ARPA and the root at 20, 40, 64 and 92.
    @Test func namesAreCompressed() throws {
        var bytes = [UInt8](repeating: 0, count: 93)
        bytes.replaceSubrange(20..<32, with: wire("01 'F' 03 'ISI' 04 'ARPA' 00"))
        bytes.replaceSubrange(40..<46, with: wire("03 'FOO' C014"))
        bytes.replaceSubrange(64..<66, with: wire("C01A"))
        let names = [(20, "f.isi.arpa.", 32), (40, "foo.f.isi.arpa.", 46), (64, "arpa.", 66), (92, ".", 93)]
        for (place, text, end) in names {
            var reader = WireReader(bytes)
            try reader.skip(place)
            #expect(try reader.name().description == text)
            #expect(reader.place == end)
        }
    }

    @Test func addressesAreRead() throws {
        let message = try Self.read(Self.head + "C00C 0001 0001 0000012C 0004 C0000201")
        let expected = Record(
            name: try name("www.example.org"), type: .a, timeToLive: 300, data: .ipv4(0xC000_0201))
        #expect(message.answers == [expected])
        #expect(message.code == .noError && message.offersRecursion && !message.isAuthoritative)
        let other = try Self.read(
            "1234 8400 0001 0001 0000 0000  03 'WWW' 07 'example' 03 'org' 00  001C 0001"
                + "C00C 001C 0001 00000000 0010 20010DB8 00000000 00000000 00000007", .aaaa)
        #expect(other.answers.map(\.data) == [.ipv6(high: 0x2001_0DB8_0000_0000, low: 7)])
        #expect(other.isAuthoritative && !other.offersRecursion)
    }

    /// The example of RFC 2782, with the target compressed as well, which receivers have to read.
    @Test func servicesAreRead() throws {
        let asked = try question("_foobar._tcp.example.com", .srv)
        let bytes = wire(
            "1234 8580 0001 0003 0000 0001  07 '_foobar' 04 '_tcp' 07 'example' 03 'com' 00  0021 0001"
                + "C00C 0021 0001 00015180 0020  0000 0001 0009  0C 'old-slow-box' 07 'example' 03 'com' 00"
                + "C00C 0021 0001 00015180 0015  0000 0003 0009  0C 'new-fast-box' C019"
                + "C00C 0021 0001 00015180 0017  0001 0000 0009  0E 'sysadmins-box1' C019"
                + "00 0029 1000 0000 0000 0000")
        let message = try Message(bytes, id: 0x1234, question: asked)
        #expect(
            message.answers.map(\.data) == [
                .service(priority: 0, weight: 1, port: 9, target: try name("old-slow-box.example.com")),
                .service(priority: 0, weight: 3, port: 9, target: try name("new-fast-box.example.com")),
                .service(priority: 1, weight: 0, port: 9, target: try name("sysadmins-box1.example.com")),
            ])
    }

    @Test func codesAreRead() throws {
        let denied = try Self.read(
            "1234 8183 0001 0000 0001 0000  03 'www' 07 'example' 03 'org' 00  0001 0001"
                + "C010 0006 0001 00000E10 0018  C010 C010 00000001 00000002 00000003 00000004 00000005")
        #expect(denied.code == .nameError && denied.hasStartOfAuthority && denied.answers.isEmpty)
        // The upper eight bits stand in the OPT record: 1 and 0 make 16, BADVERS.
        let version = try Self.read(
            "1234 8180 0001 0000 0000 0001  03 'www' 07 'example' 03 'org' 00  0001 0001 00 0029 04D0 01000000 0000")
        #expect(version.code == .badVersion)
        // A server that could not read the question does not repeat it.
        #expect(try Self.read("1234 8181 0000 0000 0000 0000").code == .formatError)
        #expect(try Self.read("1234 8185 0000 0000 0000 0000").code == .refused)
    }

    /// Of an answer that is cut off nothing is read, also where it ends in the middle of a record.
    @Test func aCutOffAnswerIsOnlyThat() throws {
        let message = try Self.read(
            "1234 8380 0001 0009 0000 0000  03 'www' 07 'example' 03 'org' 00  0001 0001 C00C 0001 00")
        #expect(message.isTruncated && message.answers.isEmpty)
    }

    /// Records of other types and classes are passed over, whatever they hold.
    @Test func whatHasNoMeaningIsPassedOver() throws {
        let message = try Self.read(
            "1234 8180 0001 0003 0000 0000  03 'www' 07 'example' 03 'org' 00  0001 0001"
                + "C00C 0010 0001 0000012C 0005 04 'text'"
                + "C00C 0001 0003 0000012C 0002 FFFF"
                + "C00C 0001 0001 0000012C 0004 7F000001")
        #expect(message.answers.map(\.data) == [.other, .other, .ipv4(0x7F00_0001)])
    }

    @Test func anUglyNameBreaksNoLine() throws {
        var reader = WireReader(wire("04 'a.b' 0A 03 'C' 2D 5F 00"))
        #expect(try reader.name().description == "a\\046b\\010.c-_.")
    }
}
