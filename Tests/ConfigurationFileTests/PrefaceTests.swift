import Balancer
import Glibc
import Reactor
import Testing

@testable import ConfigurationFile

/// What happens before the first byte of a session, as a file says it.
@Suite struct PrefaceTests {
    private static func networks(_ texts: String...) throws -> [Network] { try texts.map { try Network($0) } }

    @Test func everyKeyIsTakenOver() throws {
        let document = try Document.read(Folders.right + "preface.yaml", surroundings: .staged)
        let configuration = try document.configuration(.staged)
        let web = configuration.listeners[0]
        #expect(
            web.proxy
                == .init(
                    .optional, from: try Self.networks("10.0.9.0/24", "fd00:9::/32", "10.0.8.1"), timeout: .seconds(1)))
        #expect(web.serverNames == nil && web.sessionsMax == 10000)
        var rules = Configuration.ClientRules()
        rules.allow = try Self.networks("10.0.0.0/8", "fd00::/8")
        rules.deny = try Self.networks("10.6.6.6", "10.0.0.0/8", "fd00::/8", "192.0.2.1")
        rules.refusal = .close
        rules.rate = Rate(count: 500, per: .seconds(1))
        var client = Configuration.ClientLimits()
        client.sessionsMax = 20
        client.rate = Rate(count: 600, per: .seconds(60))
        (client.prefix4, client.prefix6, client.excess, client.timeout) = (24, 56, .wait, .seconds(2))
        rules.perClient = client
        #expect(web.clients == rules)
        #expect(document.networkFiles.map(\.path) == [Folders.right + "networks.txt"])
        #expect(document.networkFiles[0].stamp == FileStamp(Folders.right + "networks.txt"))
    }

    @Test func namesLeadToPools() throws {
        let document = try Document.read(Folders.right + "preface.yaml", surroundings: .staged)
        let configuration = try document.configuration(.staged)
        let (tls, acme) = (configuration.listeners[1], configuration.listeners[2])
        #expect(configuration.pools.map(\.name) == ["web", "db", "acme", "other"])
        #expect(
            tls.serverNames
                == .init(
                    [
                        .init(try ServerNamePattern("db.example.org"), pool: 1),
                        .init(try ServerNamePattern("*.example.org"), pool: 0),
                    ],
                    protocols: [.init(Array("acme-tls/1".utf8), pool: 2), .init(Array("x$y".utf8), pool: 1)],
                    otherwise: 0, timeout: .milliseconds(500)))
        // That of clients without a route, or else of the first route.
        #expect(tls.pool == 0 && acme.pool == 2)
        #expect(acme.serverNames?.otherwise == nil && acme.serverNames?.timeout == .seconds(3))
        #expect(tls.clients.deny == [try Network("10.0.0.0/8"), try Network("fd00::/8"), try Network("192.0.2.1")])
        #expect(tls.clients.refusal == .reset && tls.clients.perClient?.rate == Rate(count: 5, per: .seconds(3600)))
        #expect(tls.proxy == .init(.required, from: [try Network("0.0.0.0/0")], timeout: .seconds(3)))
    }

    @Test func poolsSayWhoTheClientIs() throws {
        let document = try Document.read(Folders.right + "preface.yaml", surroundings: .staged)
        #expect(
            try document.configuration(.staged).pools.map(\.proxy) == [
                .init(.v1), .init(.v2, hasChecksum: true, hasUniqueID: true, hasAuthority: true), .init(.v1),
                .init(.v2),
            ])
    }

    /// Without the keys nothing is asked of clients.
    @Test func theStandardIsNothing() throws {
        let configuration = try Document.read(text: small()).configuration(.staged)
        let listener = configuration.listeners[0]
        #expect(listener.proxy == nil && listener.serverNames == nil && listener.clients == .init())
        #expect(configuration.pools[0].proxy == nil)
    }

    /// A pool that is only reached by a route gets addresses of the family in which its clients come.
    @Test func aPoolOfARouteIsUsed() throws {
        let document = try Document.read(
            text: """
                listeners:
                  six: {bind: "[::1]:443", server_name: {routes: {a.example.org: a}, alpn: {h2: b}}}
                pools: {a: {backends: "db1:80"}, b: {backends: "db1:80"}, c: {backends: "db1:80"}}
                """)
        #expect(document.pools.map { document.preferredFamily(of: $0) } == [AF_INET6, AF_INET6, AF_INET])
    }

    /// What `config --full` prints says the same, also where it stands in an included file's folder.
    @Test func theFullTextIsTakenOverAlike() throws {
        let document = try Document.read(Folders.right + "preface.yaml", surroundings: .staged)
        let again = try Document.read(
            text: document.fullText, besides: ["networks.txt": try Folders.text(Folders.right + "networks.txt")])
        #expect(try again.configuration(.staged).listeners == document.configuration(.staged).listeners)
        #expect(try again.configuration(.staged).pools == document.configuration(.staged).pools)
    }

    @Test(arguments: [
        ("1/s", 1, 1), ("1000000000/s", 1_000_000_000, 1), ("600/m", 600, 60), ("5/h", 5, 3600), ("007/s", 7, 1),
    ])
    func aRateHasItsTime(text: String, count: Int, seconds: Int) throws {
        let rate = try RateText.parse(text)
        #expect(rate == Rate(count: count, per: .seconds(seconds)))
        #expect(try RateText.parse(RateText.text(rate)) == rate)
    }

    @Test(arguments: ["", "/", "/s", "1/", "s", "0/s", "-1/s", "+1/s", "1/d", "1.5/s", "1 /s", "1000000001/s", "1/s/s"])
    func whatIsNoRateIsRefused(text: String) {
        #expect(throws: (any Error).self) { try RateText.parse(text) }
    }
}

/// Files of networks.
@Suite struct NetworkFileTests {
    private static func text(_ web: String, _ mail: String = "10.0.0.1") -> String {
        """
        listeners:
          web: {bind: "127.0.0.1:80", pool: web, deny: \(web)}
          mail: {bind: "127.0.0.1:25", pool: web, deny: \(mail)}
        pools: {web: {backends: "10.0.0.1:80"}}
        """
    }

    private static func denied(_ file: String) throws -> [String] {
        try Document.read(text: text("{file: a.txt}"), besides: ["a.txt": file]).listeners[0].clients.deny
            .map(\.description)
    }

    @Test(
        arguments: [
            ("", []), ("\n\n", []), ("# nothing", []), ("10.0.0.1", ["10.0.0.1"]), ("10.0.0.1\n", ["10.0.0.1"]),
            (" \t10.0.0.1 \t\r\n", ["10.0.0.1"]), ("\u{FEFF}10.0.0.1#2\n", ["10.0.0.1"]), ("10.0.0.1/32", ["10.0.0.1"]),
            ("FD00::/8\n10.0.0.0/8\n10.0.0.0/8", ["fd00::/8", "10.0.0.0/8", "10.0.0.0/8"]),
            ("0.0.0.0/0\n::/0", ["0.0.0.0/0", "::/0"]),
        ] as [(String, [String])])
    func eachLineIsANetwork(file: String, networks: [String]) throws {
        #expect(try Self.denied(file) == networks)
    }

    @Test func mistakesHaveTheirPlaces() {
        let mistakes = Document.mistakes(
            in: Self.text("{file: a.txt}"), besides: ["a.txt": "10.0.0.1\n\t 10.0.0.1/8 # x\nx y\n10.0.0.2\r\n::/129"])
        #expect(
            mistakes == [
                "a.txt:2:3: '10.0.0.1/8': bits beyond the prefix are set; write 10.0.0.0/8",
                "a.txt:3:1: 'x y': a line has one network, and a comment begins with '#'",
                "a.txt:5:1: '::/129': prefix length 129: 0 to 128",
            ])
    }

    @Test(.timeLimit(.minutes(1))) func manyMistakesEndInTime() throws {
        let file = String(repeating: "x\n", count: 100_000)
        let error = #expect(throws: Mistakes.self) { _ = try Self.denied(file) }
        #expect(error?.list.count == MistakeList.reportedMax)
        #expect((error?.others ?? 0) + MistakeList.reportedMax == FileLimits.networkMistakesMax)
    }

    /// Two listeners have one list: it is read once.
    @Test func aFileIsReadOnce() throws {
        var loader = Loader(.staged) { path, terms throws(FileReader.Fault) in
            guard path == "/a.txt" else { return Array(Self.text("{file: /a.txt}", "[{file: /a.txt}]").utf8) }
            #expect(terms.mustBeRegular && terms.bytesMax == FileLimits.networkFileBytesMax)
            return Array("10.0.0.0/8".utf8)
        }
        let document = try loader.load("balancer.yaml")
        #expect(document.networkFiles.map(\.path) == ["/a.txt"])
        #expect(document.listeners.map(\.clients.deny.count) == [1, 1])
    }

    /// Relative to the folder of the file that names it, also of one that is included.
    @Test func pathsAreRelativeToTheirFile() throws {
        let folder = try IncludeTests.Folder([
            "balancer.yaml": "include: conf.d/*.yaml\n" + small(listener: "    deny: {file: deny.txt}"),
            "deny.txt": "10.0.0.1", "conf.d/deny.txt": "10.0.0.2",
            "conf.d/1.yaml": "listeners: {a: {bind: \"127.0.0.1:1\", pool: web, allow: {file: deny.txt}}}",
        ])
        let document = try Document.read(folder.path + "balancer.yaml", surroundings: .staged)
        #expect(document.networkFiles.map(\.path) == [folder.path + "deny.txt", folder.path + "conf.d/deny.txt"])
        #expect(document.listeners[0].clients.deny == [try Network("10.0.0.1")])
        #expect(document.listeners[1].clients.allow == [try Network("10.0.0.2")])
    }

    @Test func whatCannotBeReadIsExplained() throws {
        let folder = try IncludeTests.Folder([
            "balancer.yaml": small(listener: "    deny: [{file: none.txt}, {file: conf.d}, {file: conf.d/pipe}]")
        ])
        #expect(unsafe mkfifo(folder.path + "conf.d/pipe", 0o600) == 0)
        let mistakes = folder.mistakes()
        #expect(mistakes.count == 3, "\(mistakes)")
        #expect(mistakes[0] == "balancer.yaml:6:19: listeners.web.deny[0].file: 'none.txt': there is no such file")
        #expect(mistakes[1].hasSuffix("deny[1].file: 'conf.d': it is a folder: name a file in it"))
        #expect(mistakes[2].hasSuffix("deny[2].file: 'conf.d/pipe': it is no file, but a pipe, socket or device"))
    }

    @Test func allFilesTogetherHaveALimit() {
        let large = String(repeating: "#\n", count: FileLimits.networkFileBytesMax / 4 * 3 / 2)
        let mistakes = Document.mistakes(
            in: Self.text("[{file: a}, {file: b}, {file: c}]"), besides: ["a": large, "b": large, "c": large])
        #expect(mistakes.count == 1)
        #expect(
            mistakes.first?.contains("'c': up to here all files of networks together have more than 64 MiB") == true)
    }

    /// Random lines end, with networks or with mistakes that have their places.
    @Test func nothingEndsTheProgram() {
        let pieces = [
            "10.0.0.0", "/", "8", "::", "fd00", "#", " ", "\t", "\n", "\r", "\0", "\u{FEFF}", "%", "x", "\u{1F600}",
            "255",
        ]
        for _ in 0..<500 {
            let file = (0..<Int.random(in: 0...30)).map { _ in pieces.randomElement() ?? "" }.joined()
            for mistake in Document.mistakes(in: Self.text("{file: a}"), besides: ["a": file]) {
                #expect(mistake.hasPrefix("a:"), "\(file.debugDescription): \(mistake)")
            }
        }
    }
}
