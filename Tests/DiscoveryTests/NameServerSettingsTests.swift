import Glibc
import Reactor
import Testing

@testable import Discovery

@Suite struct NameServerSettingsTests {
    private static func address(_ host: String) throws -> SocketAddress {
        try #require(SocketAddress(host: host, port: 53))
    }

    @Test func aFileIsRead() throws {
        let settings = NameServerSettings(
            text: """
                # made by hand
                ; and this is a comment too
                nameserver 10.0.0.53
                  nameserver\t2001:db8::53   # with a comment
                nameserver fe80::1%1
                search prod.svc.cluster.local svc.cluster.local. ; two
                options ndots:5 timeout:2 attempts:3 rotate use-vc edns0 single-request
                """)
        #expect(
            settings.servers == [
                try Self.address("10.0.0.53"), try Self.address("2001:db8::53"), try Self.address("fe80::1%1"),
            ])
        #expect(settings.domains.map(\.description) == ["prod.svc.cluster.local.", "svc.cluster.local."])
        #expect(settings.dotsMin == 5 && settings.timeout == .seconds(2) && settings.attempts == 3)
        #expect(settings.rotates && settings.usesStream && settings.remarks.isEmpty)
    }

    /// The defaults of resolv.conf(5), also of a file that says nothing.
    @Test(arguments: ["", "\n\n", "# nothing\n", "options edns0\n", "search\n"]) func whatIsUsual(text: String) {
        let settings = NameServerSettings(text: text)
        #expect(settings.servers.map(\.description) == ["127.0.0.1:53"])
        #expect(settings.domains.isEmpty && settings.dotsMin == 1 && settings.attempts == 2)
        #expect(settings.timeout == .seconds(5) && !settings.rotates && !settings.usesStream)
    }

    @Test func withoutAFileThisMachineIsAsked() {
        #expect(NameServerSettings.system(path: "/nonexistent/resolv.conf") == NameServerSettings())
        // A directory opens and cannot be read.
        #expect(NameServerSettings.system(path: "/") == NameServerSettings())
    }

    @Test func aFileOnDiskIsRead() throws {
        var path = Array("/tmp/discovery-tests-XXXXXX".utf8CString)
        let number = unsafe mkstemp(&path)
        try #require(number >= 0)
        defer { _ = unsafe unlink(path) }
        let text = Array("nameserver 127.0.0.7\r\nsearch example.org\r\n".utf8)
        #expect(unsafe write(number, text, text.count) == text.count)
        close(number)
        let settings = NameServerSettings.system(
            path: String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
        #expect(settings.servers.map(\.description) == ["127.0.0.7:53"])
        #expect(settings.domains.map(\.description) == ["example.org."] && settings.remarks.isEmpty)
    }

    /// The limits of resolv.conf(5): 3 servers, 15 dots, 30 s, 5 attempts; and the last of search and domain.
    @Test func limitsHold() {
        let settings = NameServerSettings(
            text: """
                nameserver 10.0.0.1
                nameserver 10.0.0.2
                nameserver 10.0.0.3
                nameserver 10.0.0.4
                options ndots:99999999999999999999 timeout:31 attempts:6
                search one.example two.example
                domain three.example four.example
                """)
        #expect(settings.servers.map(\.host) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"])
        #expect(settings.dotsMin == 15 && settings.timeout == .seconds(30) && settings.attempts == 5)
        #expect(settings.domains.map(\.description) == ["three.example."])
        #expect(settings.remarks == ["line 4: 10.0.0.4 is not asked; only the first 3 name servers are"])
        let lowest = NameServerSettings(text: "options ndots:0 timeout:0 attempts:0")
        #expect(lowest.dotsMin == 0 && lowest.timeout == .seconds(1) && lowest.attempts == 1)
        let many = (1...40).map { "d\($0).example" }.joined(separator: " ")
        #expect(NameServerSettings(text: "search " + many).domains.count == NameServerSettings.domainsMax)
    }

    @Test func whatHasNoEffectIsTold() {
        let settings = NameServerSettings(
            text: """
                nameserver ns.example
                nameserver
                search a..b . ok.example
                namesever 10.0.0.1
                options ndots:x ndots
                """)
        #expect(settings.servers.map(\.host) == ["127.0.0.1"])
        #expect(settings.domains.map(\.description) == ["ok.example."])
        #expect(settings.remarks.count == 6)
        #expect(settings.remarks.first?.contains("'ns.example' is not an address") == true)
        #expect(settings.remarks.contains("line 4: 'namesever' is not known"))
        let endless = String(repeating: "nonsense\n", count: 1000)
        #expect(NameServerSettings(text: endless).remarks.count == NameServerSettings.remarksMax)
    }

    @Test func thisMachineHasManyNames() {
        #expect(NameServerSettings(text: "nameserver 0.0.0.0").servers.map(\.host) == ["127.0.0.1"])
        #expect(NameServerSettings(text: "nameserver ::").servers.map(\.host) == ["::1"])
    }

    /// resolv.conf(5), ndots and search.
    @Test(arguments: [
        ("db", 1, ["db.a.example.", "db.b.example.", "db."]),
        ("db.prod", 1, ["db.prod.", "db.prod.a.example.", "db.prod.b.example."]),
        ("db.prod", 5, ["db.prod.a.example.", "db.prod.b.example.", "db.prod."]),
        ("db", 0, ["db.", "db.a.example.", "db.b.example."]),
        ("db.", 5, ["db."]),
        ("_http._tcp.web", 2, ["_http._tcp.web.", "_http._tcp.web.a.example.", "_http._tcp.web.b.example."]),
    ])
    func theSearchList(text: String, dots: Int, expected: [String]) throws {
        var settings = NameServerSettings(text: "search a.example b.example")
        settings.dotsMin = dots
        #expect(try SoughtName(text).candidates(settings).map(\.description) == expected)
    }

    @Test func whatWouldBeTooLongIsNotSearched() throws {
        let long = String(repeating: "a.", count: 125) + "b"
        #expect(try SoughtName(long).candidates(NameServerSettings(text: "search example.org")).count == 1)
    }
}
