import Testing

@testable import Discovery

@Suite struct DomainNameTests {
    @Test(arguments: [
        ("db", "db."), ("DB.Example.ORG", "db.example.org."), ("_http._tcp.example.org.", "_http._tcp.example.org."),
        ("4f2a9c01d3e7", "4f2a9c01d3e7."), ("xn--bcher-kva.example", "xn--bcher-kva.example."),
    ])
    func whatIsAName(text: String, expected: String) throws {
        #expect(try DomainName(text).description == expected)
        #expect(try DomainName(text) == DomainName(expected))
    }

    @Test(arguments: [
        ("", DomainName.Fault.empty), (".", .empty), ("10.0.0.1", .address), ("::1", .address), ("127.1", .address),
        ("10.0.0.1.", .address), ("bücher.example", .beyondASCII), ("db:80", .character), ("two words", .character),
        ("a\nb", .character), ("a\0", .character), ("a..b", .emptyLabel), (".a", .emptyLabel), ("a..", .emptyLabel),
        (String(repeating: "a", count: 64), .longLabel),
        (String(repeating: "a.", count: 126) + "bc", .long),
    ])
    func whatIsNone(text: String, expected: DomainName.Fault) {
        #expect(throws: expected) { try DomainName(text) }
        #expect(!expected.description.isEmpty)
    }

    @Test func theLongestNameFits() throws {
        let text = String(repeating: "a.", count: 126) + "b"
        #expect(try DomainName(text).wire.count == DomainName.wireBytesMax)
        #expect(try DomainName("c").inside(DomainName(text)) == nil)
    }
}
