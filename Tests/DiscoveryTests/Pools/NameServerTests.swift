import Balancer
import ConfigurationFile
import Glibc
import Reactor
import Testing

@testable import Discovery
@testable import PoolDiscovery

/// Pools from name servers, with servers that misbehave.
@Suite struct NameServerTests {
    /// The name server that is asked, which a test may exchange, as resolv.conf may change.
    private final class Chosen: @unchecked Sendable {
        private let lock = Lock()
        private var settings: NameServerSettings

        init(_ settings: NameServerSettings) { self.settings = settings }

        var current: NameServerSettings {
            get {
                lock.lock()
                defer { lock.unlock() }
                return settings
            }
            set {
                lock.lock()
                defer { lock.unlock() }
                settings = newValue
            }
        }
    }

    private static func discoverer(_ told: Told, _ servers: Chosen) throws -> Discoverer {
        try Discoverer(told.channel, servers: { servers.current })
    }

    /// Answers with the addresses 10.0.0.N for `db.example.`
    private static func good(_ lasts: UInt8...) -> ScriptedServer.Script {
        { asked in
            var answer = asked.answer
            if asked.type == 1 { answer.answers = lasts.map { Answer.a(asked.name, [10, 0, 0, $0], ttl: 1) } }
            return [.datagram(answer.bytes)]
        }
    }

    /// What a server may do to a question about IPv4 addresses, once there was a good answer.
    enum Trouble: CaseIterable {
        case silent, failing, refusing, empty, absent, otherID, otherName, truncated, wildcard, cutShort

        func act(_ asked: ScriptedServer.Asked) -> [ScriptedServer.Act] {
            var answer = asked.answer
            switch self {
            case .silent: return []
            case .failing: return [.datagram(Answer(to: asked.bytes, code: 2).bytes)]
            case .refusing: return [.datagram(Answer(to: asked.bytes, code: 5).bytes)]
            case .empty: break
            case .absent: return [.datagram(Answer(to: asked.bytes, code: 3).bytes)]
            case .otherID:
                answer.id &+= 1
                answer.answers = [Answer.a(asked.name, [6, 6, 6, 6])]
            case .otherName: answer.answers = [Answer.a("evil.example", [6, 6, 6, 6])]
            case .truncated:
                // And by TCP it says nothing.
                answer.flags |= 0x200
            case .wildcard: answer.answers = [Answer.a(asked.name, [0, 0, 0, 0])]
            case .cutShort:
                answer.answers = [Answer.a(asked.name, [6, 6, 6, 6])]
                return [.datagram(Array(answer.bytes.dropLast()))]
            }
            return [.datagram(answer.bytes)]
        }
    }

    /// Whatever a server does: the reason is told, the last good answer stays, and a good one is taken again.
    @Test(arguments: Trouble.allCases) func theLastGoodAnswerIsKept(trouble: Trouble) throws {
        let healthy = try ScriptedServer(Self.good(1, 2))
        let ill = try ScriptedServer { trouble.act($0) }
        let healed = try ScriptedServer(Self.good(2, 3))
        let servers = Chosen(healthy.settings())
        let told = try Told()
        let discoverer = try Self.discoverer(told, servers)
        var pool = try DiscoveredPool.names(every: .seconds(1))
        pool.families = .ipv4
        discoverer.update([pool], besides: [])
        #expect(told.hears("db: 10.0.0.1:5432, 10.0.0.2:5432"), "\(told.lines)")
        told.clear()
        var settings = ill.settings(timeout: .milliseconds(50))
        settings.attempts = 1
        servers.current = settings
        #expect(told.hears { $0.hasPrefix("db! ") }, "\(told.lines)")
        #expect(told.lines.count == 1 && !told.lines[0].contains("6.6.6.6"), "\(told.lines)")
        #expect(told.lines[0].contains("db.example."), "\(told.lines)")
        servers.current = healed.settings()
        #expect(told.hears("db: 10.0.0.2:5432, 10.0.0.3:5432"), "\(told.lines)")
        withExtendedLifetime(discoverer) {}
    }

    /// A server that says nothing for a long time holds up neither the pools whose servers do, nor the start.
    @Test func aDeadNameServerHoldsUpNoOther() throws {
        let server = try ScriptedServer { asked in
            asked.name == "dead.example" ? [] : Self.good(1)(asked)
        }
        let told = try Told()
        let discoverer = try Self.discoverer(told, Chosen(server.settings(timeout: .seconds(3600))))
        var dead = try DiscoveredPool.names()
        dead.source = .addresses(try SoughtName("dead.example."), port: 1)
        let pools =
            try (0..<3).map { index in
                var pool = dead
                pool.name = "dead\(index)"
                return pool
            } + (0..<8).map { try DiscoveredPool.names("db\($0)") }
        let start = Clock.monotonic.now()
        discoverer.update(pools, besides: [])
        discoverer.waitForFirstAnswers(atMost: .milliseconds(100))
        for index in 0..<8 { #expect(told.hears("db\(index): 10.0.0.1:5432"), "\(told.lines)") }
        // The dead ones would have held it for 10 s each.
        #expect(Clock.monotonic.now() - start < NameClient.usualTime)
        withExtendedLifetime(discoverer) {}
    }

    @Test func theFirstAnswersCanBeWaitedFor() throws {
        let server = try ScriptedServer(Self.good(1))
        let told = try Told()
        let discoverer = try Self.discoverer(told, Chosen(server.settings()))
        discoverer.update(try (0..<20).map { try .names("p\($0)") }, besides: [])
        discoverer.waitForFirstAnswers(atMost: .seconds(60))
        told.clear()
        #expect(Set(server.asked.map(\.name)) == ["db.example"] && server.asked.count >= 40)
    }

    @Test func aWakeUpAsksAtOnce() throws {
        let server = try ScriptedServer(Self.good(1))
        let told = try Told()
        let discoverer = try Self.discoverer(told, Chosen(server.settings()))
        var pool = try DiscoveredPool.names(every: .seconds(3600))
        pool.families = .ipv4
        discoverer.update([pool], besides: [])
        #expect(server.hasBeenAsked(1))
        discoverer.waitForFirstAnswers(atMost: .seconds(60))
        discoverer.wake()
        #expect(server.hasBeenAsked(2))
    }

    /// A loopback address is what the operator's name server says; only the balancer's own are left out.
    @Test func loopbackIsTaken() throws {
        let server = try ScriptedServer { asked in
            var answer = asked.answer
            if asked.type == 1 {
                answer.answers = [Answer.a(asked.name, [127, 0, 0, 1]), Answer.a(asked.name, [127, 0, 0, 2])]
            }
            return [.datagram(answer.bytes)]
        }
        let told = try Told()
        let discoverer = try Self.discoverer(told, Chosen(server.settings()))
        discoverer.update([try .names()], besides: [OwnAddress(.ipv4(0x7F00_0002, port: 5432))])
        #expect(told.hears("db: 127.0.0.1:5432"), "\(told.lines)")
        withExtendedLifetime(discoverer) {}
    }

    @Test(.enabled(if: Dnsmasq.path != nil, "dnsmasq is not installed: apt-get install dnsmasq-base"))
    func aRealServerIsFollowed() throws {
        let first = try Dnsmasq([
            "--host-record=db.example.test,10.0.0.2,2001:db8::2,1", "--host-record=db.example.test,10.0.0.1,1",
            "--srv-host=_db._tcp.example.test,db.example.test,5433,10,5",
            "--host-record=a.example.test,10.0.0.7,1", "--srv-host=_db._tcp.example.test,a.example.test,5432,0,100",
        ])
        let second = try Dnsmasq([
            "--host-record=db.example.test,10.0.0.1,1", "--host-record=a.example.test,10.0.0.8,1",
            "--srv-host=_db._tcp.example.test,a.example.test,5432,0,100",
        ])
        let servers = Chosen(NameServerSettings(servers: [first.address]))
        let told = try Told()
        let discoverer = try Self.discoverer(told, servers)
        var names = try DiscoveredPool.names("names")
        names.source = .addresses(try SoughtName("db.example.test."), port: 80)
        var service = try DiscoveredPool.service("service", every: .seconds(1))
        service.source = .services(try SoughtName("_db._tcp.example.test."))
        discoverer.update([names, service], besides: [])
        #expect(told.hears("names: 10.0.0.1:80, 10.0.0.2:80, [2001:db8::2]:80"), "\(told.lines)")
        #expect(
            told.hears(
                "service: a.example.test:5432 10.0.0.7:5432 weight 100, 10.0.0.1:5433 weight 5 backup, "
                    + "10.0.0.2:5433 weight 5 backup, [2001:db8::2]:5433 weight 5 backup"), "\(told.lines)")
        servers.current = NameServerSettings(servers: [second.address])
        #expect(told.hears("names: 10.0.0.1:80"), "\(told.lines)")
        // It has moved, and is the same.
        #expect(told.hears("service: a.example.test:5432 10.0.0.8:5432 weight 100"), "\(told.lines)")
        withExtendedLifetime(discoverer) {}
    }
}
