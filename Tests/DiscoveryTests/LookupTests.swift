import Reactor
import Testing

@testable import Discovery

private let server = SocketAddress.ipv4(0x0A00_0035, port: 53)

/// What a test's name servers say, and what they were asked.
private final class Zone {
    var outcomes: [String: Message.Outcome] = [:]
    var additional: [Record] = []
    /// Questions that no server answers.
    var silent: Set<String> = []
    private(set) var asked: [String] = []

    func lookup(_ families: AddressFamilies = .any, _ bounds: Bounds = Bounds()) -> Lookup {
        Lookup(families: families, bounds: bounds) { (question) throws(Unanswered) in
            self.asked.append(question.description)
            if self.silent.contains(question.description) {
                let failure = ServerFailure(server: server, isStream: false, cause: .silent(.seconds(5)))
                throw Unanswered(question: question, failures: [failure])
            }
            return Reply(
                server: server, outcome: self.outcomes[question.description] ?? .absent,
                additional: question.type == .srv ? self.additional : [])
        }
    }

    func set(_ text: String, _ addresses: [UInt32], ttl: UInt32 = 300) throws {
        let records = try addresses.map {
            Record(name: try name(text), type: .a, timeToLive: ttl, data: .ipv4($0))
        }
        outcomes["\(text) A"] = .records(records, timeToLive: ttl)
        if outcomes["\(text) AAAA"] == nil { outcomes["\(text) AAAA"] = .nothing }
    }

    func setSix(_ text: String, _ lows: [UInt64], ttl: UInt32 = 300) throws {
        let records = try lows.map {
            Record(name: try name(text), type: .aaaa, timeToLive: ttl, data: .ipv6(high: 0xFD00 << 48, low: $0))
        }
        outcomes["\(text) AAAA"] = .records(records, timeToLive: ttl)
        if outcomes["\(text) A"] == nil { outcomes["\(text) A"] = .nothing }
    }

    func setService(
        _ text: String, _ targets: [(String, port: UInt16, priority: UInt16, weight: UInt16)], ttl: UInt32 = 300
    ) throws {
        let records = try targets.map {
            let data = Record.Data.service(
                priority: $0.priority, weight: $0.weight, port: $0.port, target: try name($0.0))
            return Record(name: try name(text), type: .srv, timeToLive: ttl, data: data)
        }
        outcomes["\(text) SRV"] = .records(records, timeToLive: ttl)
    }

    func addresses(
        of text: String, _ settings: NameServerSettings = NameServerSettings(), _ families: AddressFamilies = .any,
        _ bounds: Bounds = Bounds()
    ) throws -> Finding {
        var lookup = lookup(families, bounds)
        return lookup.search(try SoughtName(text), settings) { (lookup, name) throws(Unanswered) in
            try lookup.addresses(of: name)
        }
    }

    func servers(
        of text: String, _ families: AddressFamilies = .any, _ bounds: Bounds = Bounds()
    ) throws -> Finding {
        var lookup = lookup(families, bounds)
        return lookup.search(try SoughtName(text), NameServerSettings()) { (lookup, name) throws(Unanswered) in
            try lookup.servers(of: name)
        }
    }
}

extension Finding {
    var endpoints: [Endpoint] {
        if case .found(let found) = self { return found.endpoints }
        return []
    }

    /// `a.example. 10.0.0.1:80 1/2`
    var lines: [String] { endpoints.map { "\($0.target) \($0.address) \($0.priority)/\($0.weight)" } }

    var timeToLive: Duration? {
        if case .found(let found) = self { return found.timeToLive }
        return nil
    }
}

@Suite struct LookupTests {
    private let zone = Zone()

    @Test func bothFamiliesCount() throws {
        try zone.set("db.example.", [0x0A00_0002, 0x0A00_0001, 0x0A00_0002], ttl: 60)
        try zone.setSix("db.example.", [1], ttl: 30)
        let finding = try zone.addresses(of: "db.example.")
        #expect(
            finding.lines == [
                "db.example. 10.0.0.1:0 0/0", "db.example. 10.0.0.2:0 0/0", "db.example. [fd00::1]:0 0/0",
            ])
        #expect(finding.timeToLive == .seconds(30))
        #expect(finding.description == "db.example. has 3 addresses, says 10.0.0.53:53, for 30 s")
        #expect(zone.asked == ["db.example. A", "db.example. AAAA"])
    }

    @Test func oneFamilyIsAskedForAlone() throws {
        try zone.set("db.example.", [1])
        try zone.setSix("db.example.", [1])
        #expect(try zone.addresses(of: "db.example.", NameServerSettings(), .ipv4).endpoints.count == 1)
        #expect(try zone.addresses(of: "db.example.", NameServerSettings(), .ipv6).endpoints.count == 1)
        #expect(zone.asked == ["db.example. A", "db.example. AAAA"])
    }

    @Test func thereIsNothing() throws {
        #expect(
            try zone.addresses(of: "db.example.").description == "db.example. does not exist, says 10.0.0.53:53")
        zone.outcomes["db.example. A"] = .nothing
        let finding = try zone.addresses(of: "db.example.")
        #expect(finding.description == "db.example. has no A or AAAA record, says 10.0.0.53:53")
        guard case .empty(_, .noRecords([.a, .aaaa])) = finding else { throw Unexpected(finding) }
    }

    /// RFC 4074, 4.2: a server that denies the whole name when it is asked for the other family.
    @Test func oneYesIsEnough() throws {
        try zone.set("db.example.", [0x0A00_0001])
        zone.outcomes["db.example. AAAA"] = .absent
        #expect(try zone.addresses(of: "db.example.").lines == ["db.example. 10.0.0.1:0 0/0"])
    }

    @Test func halfAnAnswerIsNone() throws {
        try zone.set("db.example.", [0x0A00_0001])
        zone.silent = ["db.example. AAAA"]
        let finding = try zone.addresses(of: "db.example.")
        guard case .unanswered = finding else { throw Unexpected(finding) }
        #expect(
            finding.description
                == "no name server answered for db.example. AAAA: 10.0.0.53:53 did not answer within 5.0 s")
    }

    @Test func addressesThatLeadNowhereAreLeftOut() throws {
        try zone.set("db.example.", [0, 0x0A00_0001])
        #expect(try zone.addresses(of: "db.example.").lines == ["db.example. 10.0.0.1:0 0/0"])
        try zone.set("db.example.", [0])
        #expect(
            try zone.addresses(of: "db.example.").description
                == "db.example. has the address 0.0.0.0, to which nobody can connect, says 10.0.0.53:53")
    }

    @Test func timesAreBounded() throws {
        for (given, expected) in [(0, 1), (60, 60), (86_401, 86_400), (4_000_000_000, 86_400)] as [(UInt32, Int)] {
            try zone.set("db.example.", [1], ttl: given)
            #expect(try zone.addresses(of: "db.example.").timeToLive == .seconds(expected))
        }
    }

    // MARK: the search list

    @Test func theSearchGoesOnUntilSomethingIsFound() throws {
        let settings = NameServerSettings(text: "search a.example b.example")
        zone.outcomes["db.a.example. A"] = .nothing
        try zone.set("db.b.example.", [0x0A00_0001])
        #expect(try zone.addresses(of: "db", settings, .ipv4).lines == ["db.b.example. 10.0.0.1:0 0/0"])
        #expect(zone.asked == ["db.a.example. A", "db.b.example. A"])
    }

    @Test func aSearchThatFindsNothingTellsWhatWasAsked() throws {
        let settings = NameServerSettings(text: "search a.example b.example")
        #expect(
            try zone.addresses(of: "db", settings).description
                == "db.a.example., db.b.example., db. do not exist, says 10.0.0.53:53")
        // A name that exists, without addresses, tells more.
        zone.outcomes["db.a.example. A"] = .nothing
        #expect(
            try zone.addresses(of: "db", settings).description
                == "db.a.example. has no A or AAAA record, says 10.0.0.53:53")
    }

    /// Otherwise `db` would mean another server for as long as one domain's name server is ill.
    @Test func aFailureEndsTheSearch() throws {
        let settings = NameServerSettings(text: "search a.example b.example")
        zone.silent = ["db.a.example. A"]
        try zone.set("db.b.example.", [1])
        let finding = try zone.addresses(of: "db", settings)
        guard case .unanswered = finding else { throw Unexpected(finding) }
        #expect(zone.asked == ["db.a.example. A"])
        #expect(finding.description.hasSuffix("; with a dot at its end 'db' is looked up as it stands"))
    }

    // MARK: aliases

    @Test func anAliasThatWasNotFollowedIsAskedFor() throws {
        zone.outcomes["db.example. A"] = .alias(try name("a.example."), timeToLive: 20, steps: 2)
        try zone.set("a.example.", [0x0A00_0001], ttl: 60)
        let finding = try zone.addresses(of: "db.example.", NameServerSettings(), .ipv4)
        #expect(finding.lines == ["db.example. 10.0.0.1:0 0/0"])
        #expect(finding.timeToLive == .seconds(20))
    }

    @Test func aliasesInACircleEnd() throws {
        zone.outcomes["db.example. A"] = .alias(try name("a.example."), timeToLive: 20, steps: 1)
        zone.outcomes["a.example. A"] = .alias(try name("db.example."), timeToLive: 20, steps: 1)
        let finding = try zone.addresses(of: "db.example.")
        guard case .malformed = finding else { throw Unexpected(finding) }
        #expect(finding.description.hasSuffix("the answer of 10.0.0.53:53 leads through more than 16 aliases (CNAME)"))
        #expect(zone.asked.count == Lookup.aliasesMax + 1)
    }

    // MARK: services

    @Test func serversAreOrdered() throws {
        try zone.setService(
            "_db._tcp.example.",
            [
                ("c.example.", 80, 20, 5), ("b.example.", 80, 10, 1), ("a.example.", 81, 10, 60),
                ("b.example.", 80, 10, 1),
            ])
        try zone.set("a.example.", [0x0A00_0002, 0x0A00_0001])
        try zone.set("b.example.", [0x0A00_0003], ttl: 7)
        try zone.setSix("c.example.", [9])
        let finding = try zone.servers(of: "_db._tcp.example.")
        #expect(
            finding.lines == [
                "a.example. 10.0.0.1:81 10/60", "a.example. 10.0.0.2:81 10/60", "b.example. 10.0.0.3:80 10/1",
                "c.example. [fd00::9]:80 20/5",
            ])
        #expect(finding.timeToLive == .seconds(7))
        #expect(zone.asked.count == 7)
    }

    /// Two services of one host cost one question for each family.
    @Test func aHostIsAskedForOnce() throws {
        try zone.setService("_db._tcp.example.", [("a.example.", 80, 0, 0), ("a.example.", 81, 0, 0)])
        try zone.set("a.example.", [0x0A00_0001])
        #expect(
            try zone.servers(of: "_db._tcp.example.").lines == [
                "a.example. 10.0.0.1:80 0/0", "a.example. 10.0.0.1:81 0/0",
            ])
        #expect(zone.asked == ["_db._tcp.example. SRV", "a.example. A", "a.example. AAAA"])
    }

    /// One address and port is one backend, the first in the order.
    @Test func anAddressCountsOnce() throws {
        try zone.setService("_db._tcp.example.", [("a.example.", 80, 2, 0), ("b.example.", 80, 1, 0)])
        try zone.set("a.example.", [0x0A00_0001])
        try zone.set("b.example.", [0x0A00_0001])
        #expect(try zone.servers(of: "_db._tcp.example.").lines == ["b.example. 10.0.0.1:80 1/0"])
    }

    @Test func whatComesAlongIsNotAskedFor() throws {
        try zone.setService("_db._tcp.example.", [("a.example.", 80, 0, 0)])
        zone.additional = [
            Record(name: try name("a.example."), type: .a, timeToLive: 5, data: .ipv4(0x0A00_0001)),
            Record(name: try name("b.example."), type: .aaaa, timeToLive: 1, data: .ipv6(high: 1, low: 1)),
        ]
        try zone.setSix("a.example.", [2])
        let finding = try zone.servers(of: "_db._tcp.example.")
        #expect(finding.lines == ["a.example. 10.0.0.1:80 0/0", "a.example. [fd00::2]:80 0/0"])
        #expect(finding.timeToLive == .seconds(5))
        #expect(zone.asked == ["_db._tcp.example. SRV", "a.example. AAAA"])
    }

    @Test func aServiceThatIsNotOffered() throws {
        try zone.setService("_db._tcp.example.", [(".", 0, 0, 0)])
        #expect(
            try zone.servers(of: "_db._tcp.example.").description
                == "_db._tcp.example. is not offered (target '.' or port 0), says 10.0.0.53:53")
        zone.outcomes["_db._tcp.example. SRV"] = .nothing
        #expect(
            try zone.servers(of: "_db._tcp.example.").description
                == "_db._tcp.example. has no SRV record, says 10.0.0.53:53")
        #expect(zone.asked.count == 2)
    }

    @Test func targetsWithoutAnAddressAreTold() throws {
        try zone.setService("_db._tcp.example.", [("a.example.", 80, 0, 0), ("b.example.", 80, 0, 0)])
        #expect(
            try zone.servers(of: "_db._tcp.example.").description
                == "_db._tcp.example. has targets without an address, such as a.example., says 10.0.0.53:53")
        try zone.set("b.example.", [0x0A00_0001])
        let finding = try zone.servers(of: "_db._tcp.example.")
        #expect(finding.lines == ["b.example. 10.0.0.1:80 0/0"])
        #expect(finding.description.hasSuffix("; a.example. has no address"))
    }

    @Test func aTargetThatIsNotAnsweredIsAFailure() throws {
        try zone.setService("_db._tcp.example.", [("a.example.", 80, 0, 0), ("b.example.", 80, 0, 0)])
        try zone.set("a.example.", [1])
        zone.silent = ["b.example. A"]
        let finding = try zone.servers(of: "_db._tcp.example.")
        guard case .unanswered = finding else { throw Unexpected(finding) }
    }

    /// What is left out is what comes last, and it is told.
    @Test func boundsHold() throws {
        var bounds = Bounds()
        bounds.targetsMax = 2
        bounds.endpointsMax = 3
        try zone.setService(
            "_db._tcp.example.", [("c.example.", 80, 3, 0), ("b.example.", 80, 2, 0), ("a.example.", 80, 1, 0)])
        for host in ["a.example.", "b.example.", "c.example."] {
            let first = UInt32(host.utf8.first ?? 0) << 8
            try zone.set(host, [first + 1, first + 2])
        }
        let finding = try zone.servers(of: "_db._tcp.example.", .ipv4, bounds)
        #expect(finding.endpoints.map(\.target.description) == ["a.example.", "a.example.", "b.example."])
        guard case .found(let found) = finding else { throw Unexpected(finding) }
        #expect(found.omitted == 2)
        #expect(finding.description.contains("2 more are left out"))
        #expect(!zone.asked.contains("c.example. A"))
    }
}

struct Unexpected: Error, CustomStringConvertible {
    let description: String
    init(_ finding: Finding) { description = "not expected: \(finding)" }
}
