import Testing

@testable import Balancer

/// Hellos made by hand, part by part: what each rule lets through, and what it refuses, at the byte where that shows.
@Suite struct ClientHelloFaultTests {
    /// The parts of a hello, each of which a test can replace.
    private struct Parts {
        var type: UInt8 = 1
        var sessionID: [UInt8] = [0]
        var cipherSuites: [UInt8] = [0, 2, 0x13, 0x01]
        var compressionMethods: [UInt8] = [1, 0]
        /// With the length of all; nil for none.
        var extensions: [UInt8]? = []
        var trailing: [UInt8] = []

        var message: [UInt8] {
            let body =
                [3, 3] + [UInt8](repeating: 0xAA, count: 32) + sessionID + cipherSuites + compressionMethods
                + (extensions.map { Self.word($0.count) + $0 } ?? []) + trailing
            return [type, UInt8(body.count >> 16)] + Self.word(body.count & 0xFFFF) + body
        }

        var records: [UInt8] { Bytes.records(message) { 16_384 } }

        static func word(_ number: Int) -> [UInt8] { [UInt8(number >> 8 & 0xFF), UInt8(number & 0xFF)] }

        static func with(_ extensions: [UInt8]...) -> Parts { Parts(extensions: extensions.flatMap(\.self)) }

        static func ext(_ type: Int, _ data: [UInt8]) -> [UInt8] { word(type) + word(data.count) + data }

        static func host(_ name: [UInt8], type: UInt8 = 0) -> [UInt8] { [type] + word(name.count) + name }

        static func serverName(_ names: [UInt8]...) -> [UInt8] {
            let list = names.flatMap(\.self)
            return ext(0, word(list.count) + list)
        }

        static func protocols(_ all: [[UInt8]]) -> [UInt8] {
            let list = all.flatMap { [UInt8($0.count)] + $0 }
            return ext(16, word(list.count) + list)
        }
    }

    private static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

    private static func hello(
        _ name: String?, protocols: [String] = [], isEncrypted: Bool = false
    ) -> ClientHelloResult {
        let name = name.flatMap { ServerName($0) }
        return .hello(ClientHello(name: name, protocols: protocols.map(text), isEncrypted: isEncrypted))
    }

    private static let db = Parts.serverName(Parts.host(text("db.example.org")))

    /// How many bytes of the hello have come when it is refused first.
    private static func decision(_ bytes: [UInt8]) -> Int? {
        (0...bytes.count).first { ClientHello.read(Array(bytes.prefix($0))) != .incomplete }
    }

    // MARK: what is right

    @Test func extensionsMayBeAbsent() {
        #expect(ClientHello.read(Parts(extensions: nil).records) == Self.hello(nil))
        #expect(ClientHello.read(Parts(extensions: []).records) == Self.hello(nil))
    }

    @Test func unknownExtensionsAreSkipped() {
        let parts = Parts.with(
            Parts.ext(0x0A0A, []), Parts.ext(0x0A0A, [0]), Self.db, Parts.ext(21, [UInt8](repeating: 0, count: 300)),
            Parts.ext(0xFE0D, [0, 1, 2]), Parts.ext(0xFAFA, [1]))
        #expect(ClientHello.read(parts.records) == Self.hello("db.example.org", isEncrypted: true))
    }

    @Test func theFirstHostNameCounts() {
        let other = Parts.host([1, 2, 3], type: 7)
        let names = Parts.serverName(other, Parts.host(Self.text("A.Example.")), Parts.host(Self.text("b.example")))
        #expect(ClientHello.read(Parts.with(names).records) == Self.hello("a.example"))
        #expect(ClientHello.read(Parts.with(Parts.serverName(other)).records) == Self.hello(nil))
        let empty = Parts.serverName(Parts.host([], type: 7), Parts.host(Self.text("a.example")))
        #expect(ClientHello.read(Parts.with(empty).records) == Self.hello("a.example"))
    }

    /// The rest of the hello counts all the same.
    @Test(arguments: ["a b", "a\u{0}", "a\n", ".", "a..b", "example.org:443", String(repeating: "x", count: 9000)])
    func aNameThatIsNone(name: String) {
        let parts = Parts.with(Parts.serverName(Parts.host(Self.text(name))), Parts.protocols([Self.text("h2")]))
        #expect(ClientHello.read(parts.records) == Self.hello(nil, protocols: ["h2"]))
    }

    @Test func theLongestName() {
        let longest = String(repeating: "x", count: 255)
        for (name, expected) in [(longest, longest), (longest + ".", longest), (longest + "x", nil)] {
            let parts = Parts.with(Parts.serverName(Parts.host(Self.text(name))))
            #expect(ClientHello.read(parts.records) == Self.hello(expected), "\(name.count)")
        }
    }

    @Test func sixteenProtocolsAreKept() {
        let all = (0..<40).map { "p\($0)" }
        let parts = Parts.with(Parts.protocols(all.map(Self.text)), Self.db)
        #expect(ClientHello.read(parts.records) == Self.hello("db.example.org", protocols: Array(all.prefix(16))))
        let long = Parts.with(Parts.protocols([[UInt8](repeating: 0xFF, count: 255)]))
        let expected = ClientHello(name: nil, protocols: [[UInt8](repeating: 0xFF, count: 255)], isEncrypted: false)
        #expect(ClientHello.read(long.records) == .hello(expected))
    }

    // MARK: what is wrong

    @Test(arguments: [
        ("GET / HTTP/1.1\r\n", 1), ("SSH-2.0-OpenSSH\r\n", 1), ("\u{16}\u{2}", 2), ("\u{16}\u{3}\u{0}", 3),
        ("\u{16}\u{3}\u{5}", 3), ("\u{16}\u{3}\u{1}\u{41}", 4), ("\u{16}\u{3}\u{1}\u{40}\u{1}", 5),
        ("\u{16}\u{3}\u{1}\u{0}\u{0}", 5), ("\u{16}\u{3}\u{1}\u{0}\u{4}\u{2}", 6), ("\u{15}\u{3}\u{1}\u{0}\u{2}", 1),
    ])
    func aWrongByteIsToldAtOnce(text: String, count: Int) {
        #expect(Self.decision(Self.text(text)) == count)
    }

    @Test func whatIsTold() {
        let cases: [([UInt8], ClientHelloFault)] = [
            ([0x47], .notTLS), ([0x80], .notTLS), ([21], .notTLS),
            ([22, 2], .recordVersion), ([22, 3, 0], .recordVersion), ([22, 3, 5], .recordVersion),
            ([22, 3, 1, 0, 0], .recordLength), ([22, 3, 1, 0x40, 1], .recordLength),
            ([22, 3, 1, 0, 4, 2], .otherMessage(2)), ([22, 3, 1, 0, 9, 1, 1], .tooLong),
            ([22, 3, 1, 0, 9, 1, 0, 0x3F, 0xFD], .tooLong), ([22, 3, 1, 0, 1, 1, 20], .otherRecord),
            ([22, 3, 1, 0, 1, 1, 22, 3, 1, 0, 0], .recordLength), ([22, 3, 1, 0, 1, 1, 22, 3, 5], .recordVersion),
            ([22, 3, 1, 0, 9, 1, 0, 0, 3], .malformed(.head)),
        ]
        for (bytes, fault) in cases {
            #expect(ClientHello.read(bytes) == .other(fault), "\(bytes)")
            #expect(Self.decision(bytes) == bytes.count, "\(bytes)")
        }
    }

    @Test func malformedParts() {
        let cases: [(Parts, ClientHelloFault.Part)] = [
            (Parts(sessionID: [33] + [UInt8](repeating: 0, count: 33)), .sessionID),
            (Parts(cipherSuites: [0, 0]), .cipherSuites), (Parts(cipherSuites: [0, 3, 1, 2, 3]), .cipherSuites),
            (Parts(cipherSuites: [0xFF, 0xFE, 1, 2]), .cipherSuites),
            (Parts(compressionMethods: [0]), .compressionMethods),
            (Parts(compressionMethods: [9, 0], extensions: nil), .compressionMethods),
            (Parts(trailing: [0]), .extensions), (Parts(extensions: nil, trailing: [0]), .extensions),
            (Parts(extensions: nil, trailing: [0, 1]), .extensions),
            // What would be a whole one, behind the end of the list.
            (Parts(trailing: [0x0A, 0x0A, 0, 0]), .extensions),
            (.with(Parts.ext(0, [0, 4, 0, 0, 1, 0x61, 1, 0, 0])), .serverName),
            (.with(Parts.ext(16, [0, 2, 1, 0x61, 1, 0x62])), .protocols),
            (.with([0x0A, 0x0A, 0]), .extensions), (.with([0x0A, 0x0A, 0, 2, 0]), .extensions),
            (.with(Self.db, Self.db), .serverName), (.with(Parts.ext(0, [])), .serverName),
            (.with(Parts.serverName()), .serverName), (.with(Parts.serverName(Parts.host([]))), .serverName),
            (.with(Parts.serverName([0])), .serverName), (.with(Parts.serverName([0, 0, 2, 0x61])), .serverName),
            (.with(Parts.ext(0, [0, 4, 0, 0, 1, 0x61, 0])), .serverName),
            (.with(Parts.ext(0, [0, 5, 0, 0, 1, 0x61])), .serverName),
            (.with(Parts.protocols([])), .protocols), (.with(Parts.ext(16, [])), .protocols),
            (.with(Parts.protocols([[]])), .protocols), (.with(Parts.ext(16, [0, 2, 2, 0x61])), .protocols),
            (.with(Parts.ext(16, [0, 2, 1, 0x61, 0])), .protocols),
            (.with(Parts.protocols([[0x61]]), Parts.protocols([[0x61]])), .protocols),
            (.with(Parts.ext(0xFE0D, [0]), Parts.ext(0xFE0D, [0])), .encryptedHello),
        ]
        for (parts, part) in cases {
            let records = Bytes.records(parts.message) { 3 }
            #expect(ClientHello.read(parts.records) == .other(.malformed(part)), "\(parts)")
            #expect(ClientHello.read(records) == .other(.malformed(part)), "\(parts)")
        }
    }

    /// Before the bytes that the length announces have come.
    @Test func aLengthIsJudgedBeforeItsBytes() {
        let bytes = Parts.with(Self.db, [0x0A, 0x0A, 0xFF, 0xFF, 0]).records
        #expect(Self.decision(bytes) == bytes.count - 1)
        // An announced length of cipher suites that the message cannot hold: 5 + 4 + 34 + 1 + 2 bytes.
        #expect(Self.decision(Parts(cipherSuites: [0xFF, 0xFE, 1, 2]).records) == 46)
    }

    // MARK: sizes

    @Test func theLargestHello() {
        // 4 of the message's header, 34 + 1 + 4 + 2 + 2 of the hello, 4 of the extension.
        let room = 16_384 - 51
        let largest = Parts.with(Parts.ext(0x0A0A, [UInt8](repeating: 0, count: room)))
        #expect(largest.records.count == ClientHello.bytesMax)
        #expect(ClientHello.read(largest.records) == Self.hello(nil))
        #expect(ClientHello.read(largest.records + [0]) == Self.hello(nil))
        let larger = Parts.with(Parts.ext(0x0A0A, [UInt8](repeating: 0, count: room + 1)))
        #expect(Self.decision(larger.records) == 9)
        #expect(ClientHello.read(larger.records) == .other(.tooLong))
        // In two records it has a header too many, which shows where the first ends.
        let halves = Bytes.records(largest.message) { 8192 }
        #expect(ClientHello.read(halves) == .other(.tooLong))
        #expect(Self.decision(Array(halves.prefix(8198))) == 5 + 8192)
    }

    @Test func eachFaultHasWordsOfItsOwn() {
        let parts: [ClientHelloFault.Part] = [
            .head, .sessionID, .cipherSuites, .compressionMethods, .extensions, .serverName, .protocols,
            .encryptedHello,
        ]
        let faults: [ClientHelloFault] =
            [.notTLS, .recordVersion, .recordLength, .otherRecord, .otherMessage(2), .tooLong]
            + parts.map { .malformed($0) }
        #expect(Set(faults.map(\.description)).count == faults.count)
        #expect(ClientHelloFault.otherMessage(2).description == "is no ClientHello but a handshake message of type 2")
    }
}
