import Reactor
import Testing

@testable import Discovery

/// Look-ups at a real name server.
@Suite(.enabled(if: Dnsmasq.path != nil, "dnsmasq is not installed: apt-get install dnsmasq-base"))
struct DnsmasqTests {
    private static func client(_ dnsmasq: borrowing Dnsmasq) -> NameClient {
        var settings = NameServerSettings(servers: [dnsmasq.address])
        settings.timeout = .seconds(5)
        settings.domains = NameServerSettings(text: "search example.test").domains
        return NameClient(settings)
    }

    @Test func namesAndServicesAreFound() throws {
        let dnsmasq = try Dnsmasq([
            "--host-record=a.example.test,10.0.0.1,2001:db8::1,60", "--host-record=b.example.test,10.0.0.2,30",
            "--host-record=many.example.test,10.0.0.4", "--host-record=many.example.test,10.0.0.3",
            "--host-record=six.example.test,2001:db8::6",
            "--cname=www.example.test,a.example.test,20", "--txt-record=text.example.test,nothing",
            "--srv-host=_db._tcp.example.test,b.example.test,5433,10,5",
            "--srv-host=_db._tcp.example.test,a.example.test,5432,0,100",
            "--srv-host=_gone._tcp.example.test",
        ])
        let client = Self.client(dnsmasq)
        func find(_ text: String) throws -> Finding { client.addresses(of: try SoughtName(text)) }
        let both = ["a.example.test. 10.0.0.1:0 0/0", "a.example.test. [2001:db8::1]:0 0/0"]
        #expect(try find("a.example.test.").lines == both)
        #expect(try find("a.example.test.").timeToLive == .seconds(60))
        // By the search list.
        #expect(try find("a").lines == both)
        #expect(
            try find("many.example.test").lines == [
                "many.example.test. 10.0.0.3:0 0/0", "many.example.test. 10.0.0.4:0 0/0",
            ])
        #expect(try find("six").lines == ["six.example.test. [2001:db8::6]:0 0/0"])
        #expect(
            try find("www").lines == [
                "www.example.test. 10.0.0.1:0 0/0", "www.example.test. [2001:db8::1]:0 0/0",
            ])
        #expect(try find("www").timeToLive == .seconds(20))
        #expect(
            try find("none.example.test.").description
                == "none.example.test. does not exist, says \(dnsmasq.address)")
        #expect(
            try find("text.example.test.").description
                == "text.example.test. has no A or AAAA record, says \(dnsmasq.address)")
        // It has no server to ask for names of others.
        let refused = try find("other.invalid.")
        guard case .unanswered = refused else { throw Unexpected(refused) }

        func serve(_ text: String) throws -> Finding { client.servers(of: try SoughtName(text)) }
        #expect(
            try serve("_db._tcp.example.test.").lines == [
                "a.example.test. 10.0.0.1:5432 0/100", "a.example.test. [2001:db8::1]:5432 0/100",
                "b.example.test. 10.0.0.2:5433 10/5",
            ])
        #expect(
            try serve("_gone._tcp.example.test.").description
                == "_gone._tcp.example.test. is not offered (target '.' or port 0), says \(dnsmasq.address)")
        #expect(
            try serve("_none._tcp.example.test.").description
                == "_none._tcp.example.test. does not exist, says \(dnsmasq.address)")
    }

    /// 120 records of some 50 bytes are too long for UDP, and come whole.
    @Test func aLongAnswerComesWhole() throws {
        let count = 120
        let dnsmasq = try Dnsmasq(
            (0..<count).flatMap { index in
                [
                    "--host-record=backend-number-\(index).example.test,10.1.0.\(index)",
                    "--srv-host=_many._tcp.example.test,backend-number-\(index).example.test,\(9000 + index),1,2",
                ]
            })
        let name = try SoughtName("_many._tcp.example.test.")
        let now = Clock.monotonic.now()
        let datagram = Exchange(
            Question(name: name.name, type: .srv), to: dnsmasq.address, withEDNS: true, start: now,
            deadline: now + .seconds(5))
        #expect(try datagram.byDatagram().isTruncated)
        var client = Self.client(dnsmasq)
        client.families = .ipv4
        client.bounds.targetsMax = 200
        let finding = client.servers(of: name)
        #expect(finding.endpoints.count == count)
        let expected = (0..<count).map { SocketAddress.ipv4(0x0A01_0000 + UInt32($0), port: UInt16(9000 + $0)) }
        #expect(Set(finding.endpoints.map(\.address)) == Set(expected))
    }
}
