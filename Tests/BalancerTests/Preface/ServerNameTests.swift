import TestSupport
import Testing

@testable import Balancer

/// Names of clients, patterns of operators, and which belongs to which.
@Suite struct ServerNameTests {
    // MARK: names

    @Test(arguments: [
        ("db.example.org", "db.example.org"), ("DB.Example.ORG", "db.example.org"),
        ("db.example.org.", "db.example.org"), ("a", "a"), ("a_b-c.1", "a_b-c.1"), ("10.0.0.5", "10.0.0.5"),
        ("xn--BCHER-kva.example", "xn--bcher-kva.example"), ("b\u{FC}cher.example", "b\u{FC}cher.example"),
        ("", nil), (".", nil), ("..", nil), (".a", nil), ("a..b", nil), ("a..", nil), ("a b", nil), ("a\u{0}", nil),
        ("a\n", nil), ("a\u{7F}", nil), ("a:443", nil), ("*.a", nil), ("::1", nil), ("[a", nil), ("a@b", nil),
    ])
    func aName(text: String, expected: String?) {
        #expect(ServerName(text)?.description == expected)
        #expect(ServerName(bytes: Array(text.utf8)) == ServerName(text))
    }

    @Test func bytesBeyondASCIIStay() {
        #expect(ServerName(bytes: [0xC3, 0x9C, 0xFF, 0x41])?.bytes == [0xC3, 0x9C, 0xFF, 0x61])
        #expect(ServerName(bytes: [0xFF])?.description == "\u{FFFD}")
    }

    // MARK: patterns

    @Test(arguments: [
        ("db.example.org", "db.example.org"), ("DB.Example.ORG.", "db.example.org"),
        ("*.Example.org", "*.example.org"), ("*.org", "*.org"), ("localhost", "localhost"), ("a_b.c-d", "a_b.c-d"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"), ("1a2b.example", "1a2b.example"), ("a.b1", "a.b1"),
        ("0x7f.example", "0x7f.example"),
    ])
    func aPattern(text: String, expected: String) throws {
        #expect(try ServerNamePattern(text).description == expected)
    }

    @Test(
        arguments: [
            ("", .empty), (".", .empty), ("*", .everything), ("*.", .everything), ("a.*", .misplacedWildcard),
            ("*a.example", .misplacedWildcard), ("a*.example", .misplacedWildcard), ("*.*.example", .misplacedWildcard),
            ("**.example", .misplacedWildcard), ("a.*.example", .misplacedWildcard), ("a..b", .emptyLabel),
            (".a", .emptyLabel), ("*..a", .emptyLabel), ("a..", .emptyLabel), ("b\u{FC}cher.example", .beyondASCII),
            ("a b", .character(" ")), ("a/b", .character("/")), ("https://a", .character(":")), ("a:", .character(":")),
            ("a\n", .character("\n")), ("a:443", .port), ("*.a.example:443", .port), ("10.0.0.5:443", .port),
            ("10.0.0.5", .address), ("127.1", .address), ("*.0.0.5", .address), ("1", .address), ("::1", .address),
            ("[::1]:443", .address), ("::ffff:10.0.0.5", .address), ("10.0.0.5.", .address),
        ] as [(String, ServerNamePattern.Fault)])
    func noPattern(text: String, fault: ServerNamePattern.Fault) {
        #expect(throws: fault) { try ServerNamePattern(text) }
    }

    @Test func longPatterns() throws {
        let label = String(repeating: "x", count: 63)
        let longest = [label, label, label, String(repeating: "y", count: 61)].joined(separator: ".")
        #expect(try ServerNamePattern(longest + ".").description == longest)
        #expect(throws: ServerNamePattern.Fault.long) { try ServerNamePattern(longest + "y") }
        #expect(throws: ServerNamePattern.Fault.longLabel) { try ServerNamePattern("a.\(label)x.b") }
        #expect(throws: ServerNamePattern.Fault.longLabel) { try ServerNamePattern("*.\(label)x") }
    }

    @Test func faultsNameWhatIsWrong() {
        let expected: [(ServerNamePattern.Fault, String)] = [
            (.character("/"), "'/'"), (.character("\n"), "'\\n'"), (.beyondASCII, "xn--"), (.everything, "otherwise"),
            (.long, "253"), (.longLabel, "63"), (.misplacedWildcard, "*.example.org"), (.port, "port"),
            (.address, "address"), (.empty, "empty"), (.emptyLabel, "dots"),
        ]
        for (fault, part) in expected { #expect(fault.description.contains(part), "\(fault)") }
    }

    // MARK: routes

    private static func routes(_ patterns: [String]) throws -> ServerNameRoutes<String> {
        ServerNameRoutes(try patterns.map { (try ServerNamePattern($0), $0) })
    }

    private static let patterns = [
        "*.example.org", "db.example.org", "*.eu.example.org", "a.b.c.example.org", "*.xn--bcher-kva.example", "org",
        "*.deep.x.eu.example.org",
    ]

    @Test(arguments: [
        ("db.example.org", "db.example.org"), ("DB.EXAMPLE.ORG.", "db.example.org"),
        ("web.example.org", "*.example.org"), ("a.b.example.org", "*.example.org"), ("example.org", nil),
        ("eu.example.org", "*.example.org"), ("x.eu.example.org", "*.eu.example.org"),
        ("y.x.eu.example.org", "*.eu.example.org"), ("x.db.example.org", "*.example.org"),
        ("a.b.c.example.org", "a.b.c.example.org"), ("b.c.example.org", "*.example.org"),
        ("deep.x.eu.example.org", "*.eu.example.org"), ("a.deep.x.eu.example.org", "*.deep.x.eu.example.org"),
        ("badexample.org", nil), ("a.badexample.org", nil), ("org", "org"), ("a.org", nil), ("example.com", nil),
        ("www.XN--BCHER-kva.example", "*.xn--bcher-kva.example"), ("www.b\u{FC}cher.example", nil),
        ("a.example.org.b", nil),
    ])
    func aRoute(name: String, expected: String?) throws {
        let name = try #require(ServerName(name))
        #expect(try Self.routes(Self.patterns).value(for: name) == expected)
        #expect(try Self.routes(Self.patterns.reversed()).value(for: name) == expected, "in the other order")
    }

    @Test func aNameOfManyLabels() throws {
        let name = try #require(ServerName(String(repeating: "a.", count: 120) + "example.org"))
        #expect(try Self.routes(Self.patterns).value(for: name) == "*.example.org")
        #expect(try Self.routes([]).value(for: name) == nil)
        #expect(try Self.routes(["example.org"]).value(for: name) == nil)
    }

    @Test func theFirstOfTheSameCounts() throws {
        let routes = ServerNameRoutes([
            (try ServerNamePattern("A.example"), 1), (try ServerNamePattern("a.example."), 2),
            (try ServerNamePattern("*.a.example"), 3), (try ServerNamePattern("*.A.example"), 4),
        ])
        #expect(routes.value(for: try #require(ServerName("a.example"))) == 1)
        #expect(routes.value(for: try #require(ServerName("b.a.example"))) == 3)
    }

    /// What a search through all patterns finds.
    @Test(arguments: [41, 42, 43] as [UInt64]) func asByASearch(seed: UInt64) throws {
        var dice = SplitMix64(seed: seed)
        func name() -> String {
            (0..<Int.random(in: 1...5, using: &dice)).map { _ in ["a", "b"].randomElement(using: &dice) ?? "" }
                .joined(separator: ".")
        }
        for _ in 0..<200 {
            let patterns = (0..<Int.random(in: 0...12, using: &dice)).map { _ in
                (Bool.random(using: &dice) ? "*." : "") + name()
            }
            let routes = try Self.routes(patterns)
            for _ in 0..<20 {
                let text = name()
                let found = patterns.filter { $0.hasPrefix("*.") ? text.hasSuffix($0.dropFirst()) : text == $0 }
                let expected = found.contains(text) ? text : found.max { $0.utf8.count < $1.utf8.count }
                let value = routes.value(for: try #require(ServerName(text)))
                #expect(value == expected, "seed \(seed): \(text) in \(patterns)")
            }
        }
    }
}
