import Glibc
import Reactor
import Testing

@testable import Discovery

/// Whole look-ups against name servers on loopback that misbehave in all ways.
@Suite struct NameClientTests {
    /// Answers for `db.example.` with this address; without one, and for other types, there is nothing.
    private static func good(_ asked: ScriptedServer.Asked, last: UInt8 = 1) -> [UInt8] {
        var answer = asked.answer
        if asked.type == 1 { answer.answers = [Answer.a(asked.name, [10, 0, 0, last])] }
        return answer.bytes
    }

    private static func ask(_ settings: NameServerSettings, within time: Duration = .seconds(60)) throws -> Finding {
        NameClient(settings, families: .ipv4).addresses(of: try SoughtName("db.example."), within: time)
    }

    private static let one = ["db.example. 10.0.0.1:0 0/0"]

    /// What the first server is blamed for.
    private static func cause(_ finding: Finding) -> ServerFailure.Cause? {
        switch finding {
        case .unanswered(_, let unanswered), .malformed(_, let unanswered): unanswered.failures.first?.cause
        default: nil
        }
    }

    @Test func aServerAnswers() throws {
        let server = try ScriptedServer { [.datagram(Self.good($0))] }
        let finding = try Self.ask(server.settings())
        #expect(finding.lines == Self.one)
        #expect(server.asked.count == 1 && server.asked.allSatisfy { !$0.isStream && $0.hasEDNS })
    }

    @Test func idsAndPortsDiffer() throws {
        let server = try ScriptedServer { [.datagram(Self.good($0))] }
        for _ in 0..<20 { #expect(try Self.ask(server.settings()).lines == Self.one) }
        // Of twenty random numbers among thousands there are hardly ever less than ten different ones.
        #expect(Set(server.asked.map { Array($0.bytes[..<2]) }).count > 10)
        #expect(Set(server.asked.map(\.port)).count > 10)
    }

    // MARK: who answers

    @Test func aSilentServerIsAskedAgainAndThenGivenUp() throws {
        let server = try ScriptedServer { _ in [] }
        let finding = try Self.ask(server.settings(timeout: .milliseconds(30)))
        #expect(Self.cause(finding) == .silent(.milliseconds(30)))
        #expect(server.hasBeenAsked(2))
        guard case .unanswered = finding else { throw Unexpected(finding) }
        #expect(
            finding.description
                == "no name server answered for db.example. A: \(server.address) did not answer within 0.03 s")
    }

    @Test func aSlowServerIsWaitedFor() throws {
        let server = try ScriptedServer {
            // The server's slowness; nothing in the test depends on how long it is.
            _ = poll(nil, 0, 60)
            return [.datagram(Self.good($0))]
        }
        #expect(try Self.ask(server.settings(timeout: .seconds(10))).lines == Self.one)
        #expect(server.asked.count == 1)
    }

    @Test func theSecondAttemptCounts() throws {
        let server = try ScriptedServer { $0.count == 1 ? [] : [.datagram(Self.good($0))] }
        #expect(try Self.ask(server.settings(timeout: .seconds(1))).lines == Self.one)
        #expect(server.asked.count == 2)
    }

    @Test func theNextServerIsAsked() throws {
        let silent = try ScriptedServer { _ in [] }
        let server = try ScriptedServer { [.datagram(Self.good($0))] }
        let settings = silent.settings(server.address, timeout: .seconds(1))
        #expect(try Self.ask(settings).lines == Self.one)
        #expect(silent.asked.count == 1)
    }

    /// Within one look-up a dead server costs its timeout once.
    @Test func theServerThatAnsweredGoesFirst() throws {
        let silent = try ScriptedServer { _ in [] }
        let server = try ScriptedServer { [.datagram(Self.good($0))] }
        let client = NameClient(silent.settings(server.address, timeout: .seconds(1)))
        #expect(client.addresses(of: try SoughtName("db.example.")).lines == Self.one)
        #expect(silent.asked.count == 1 && server.asked.map(\.type) == [1, 28])
    }

    @Test func theWholeHasADeadline() throws {
        let server = try ScriptedServer { _ in [] }
        let settings = server.settings(server.address, timeout: .seconds(3600))
        let finding = try Self.ask(settings, within: .milliseconds(50))
        guard case .silent(let time) = Self.cause(finding) else { throw Unexpected(finding) }
        #expect(time <= .milliseconds(50) && server.hasBeenAsked(1))
        let late = try Self.ask(settings, within: .zero)
        #expect(
            late.description == "no name server answered for db.example. A: there was no time left to ask")
    }

    @Test func aClosedPortIsPassedOverAtOnce() throws {
        let nobody = try ScriptedServer.nobody()
        let server = try ScriptedServer { [.datagram(Self.good($0))] }
        var settings = NameServerSettings(servers: [nobody, server.address])
        // Whoever waits for it fails by the test's own time limit.
        settings.timeout = .seconds(3600)
        #expect(try Self.ask(settings).lines == Self.one)
        settings.servers = [nobody]
        #expect(try Self.cause(Self.ask(settings)) == .system(.connectionRefused))
    }

    @Test(arguments: [2, 5, 9, 15]) func aServerThatFailsIsPassedOver(code: Int) throws {
        let failing = try ScriptedServer { [.datagram(Answer(to: $0.bytes, code: code).bytes)] }
        let server = try ScriptedServer { [.datagram(Self.good($0))] }
        #expect(try Self.ask(failing.settings(server.address, timeout: .seconds(3600))).lines == Self.one)
        let finding = try Self.ask(failing.settings())
        #expect(Self.cause(finding) == .code(ResponseCode(rawValue: UInt16(code))))
        guard case .unanswered = finding else { throw Unexpected(finding) }
    }

    @Test func aFailureMayPass() throws {
        let server = try ScriptedServer {
            [.datagram($0.count == 1 ? Answer(to: $0.bytes, code: 2).bytes : Self.good($0))]
        }
        #expect(try Self.ask(server.settings()).lines == Self.one)
    }

    /// A server for some domains only: no records, not in charge, and no recursion.
    @Test func aServerThatOnlyRefersToOthersIsPassedOver() throws {
        let server = try ScriptedServer {
            var answer = $0.answer
            answer.flags = 0x8100
            return [.datagram(answer.bytes)]
        }
        #expect(try Self.cause(Self.ask(server.settings())) == .noRecursion)
    }

    @Test func aVerdictIsFinal() throws {
        let denying = try ScriptedServer { [.datagram(Answer(to: $0.bytes, code: 3).bytes)] }
        let server = try ScriptedServer { [.datagram(Self.good($0))] }
        let finding = try Self.ask(denying.settings(server.address))
        #expect(finding.description == "db.example. does not exist, says \(denying.address)")
        #expect(server.asked.isEmpty)
    }

    @Test func aStartAtRandom() throws {
        let first = try ScriptedServer { [.datagram(Self.good($0))] }
        let second = try ScriptedServer { [.datagram(Self.good($0))] }
        var settings = first.settings(second.address)
        settings.rotates = true
        for _ in 0..<64 { #expect(try Self.ask(settings).lines == Self.one) }
        #expect(!first.asked.isEmpty && !second.asked.isEmpty)
        #expect(first.asked.count + second.asked.count == 64)
    }

    /// RFC 6891, 7: a server that does not know EDNS is asked without it, and once is enough to learn that.
    @Test(arguments: [1, 4]) func aServerWithoutEDNS(code: Int) throws {
        let server = try ScriptedServer {
            // Of FORMERR a server may send no more than the header.
            let refusal = Array(Answer(to: $0.bytes, code: code).bytes.prefix(4)) + [UInt8](repeating: 0, count: 8)
            return [.datagram($0.hasEDNS ? refusal : Self.good($0))]
        }
        #expect(NameClient(server.settings()).addresses(of: try SoughtName("db.example.")).lines == Self.one)
        #expect(server.asked.map(\.hasEDNS) == [true, false, false])
    }

    // MARK: lies

    /// What does not belong to the question is passed over, since the answer may follow.
    @Test func straysArePassedOver() throws {
        let server = try ScriptedServer { asked in
            var otherID = asked.answer
            otherID.id ^= 1
            otherID.answers = [Answer.a(asked.name, [6, 6, 6, 6])]
            var otherQuestion = Answer(to: asked.bytes)
            otherQuestion.question = Answer.labels("evil.example") + word(1) + word(1)
            otherQuestion.answers = [Answer.a("evil.example", [6, 6, 6, 6])]
            let strays = [[], [1, 2, 3], asked.bytes, otherID.bytes, otherQuestion.bytes]
            return (strays + [Self.good(asked)]).map { .datagram($0) }
        }
        #expect(try Self.ask(server.settings(timeout: .seconds(3600))).lines == Self.one)
    }

    @Test(arguments: [WireFault.otherID, .otherQuestion, .short(bytes: 0), .noResponse])
    func straysAloneAreTold(fault: WireFault) throws {
        let server = try ScriptedServer { asked in
            var answer = asked.answer
            switch fault {
            case .otherID: answer.id &+= 1
            case .otherQuestion: answer.question = Answer.labels("evil.example") + word(1) + word(1)
            case .short: return [.datagram([])]
            default: return [.datagram(asked.bytes)]
            }
            return [.datagram(answer.bytes)]
        }
        var settings = server.settings(timeout: .seconds(1))
        settings.attempts = 1
        let finding = try Self.ask(settings)
        #expect(Self.cause(finding) == .malformed(fault))
        guard case .malformed = finding else { throw Unexpected(finding) }
        #expect(
            finding.description
                == "no name server answered for db.example. A: the answer of \(server.address) \(fault)")
    }

    @Test func aFloodOfStraysEnds() throws {
        let server = try ScriptedServer { asked in
            var answer = asked.answer
            answer.id &+= 1
            return (0..<Exchange.straysMax).map { _ in .datagram(answer.bytes) }
        }
        #expect(
            try Self.cause(Self.ask(server.settings(timeout: .seconds(3600)))) == .malformed(.otherID))
    }

    /// An answer to the very question that makes no sense: the next server is asked at once.
    @Test(arguments: [WireFault.cutShort, .trailingBytes(1), .otherName, .contradiction, .tooManyAliases])
    func aLyingServerIsPassedOver(fault: WireFault) throws {
        let liar = try ScriptedServer { asked in
            var answer = asked.answer
            answer.answers = [Answer.a(asked.name, [6, 6, 6, 6])]
            switch fault {
            case .cutShort: return [.datagram(answer.bytes.dropLast())]
            case .trailingBytes: return [.datagram(answer.bytes + [0])]
            case .otherName: answer.answers = [Answer.a("evil.example", [6, 6, 6, 6])]
            case .contradiction: answer.code = 3
            default:
                answer.answers = [Answer.cname("db.example", "a.example"), Answer.cname("a.example", "db.example")]
            }
            return [.datagram(answer.bytes)]
        }
        let server = try ScriptedServer { [.datagram(Self.good($0))] }
        #expect(try Self.ask(liar.settings(server.address, timeout: .seconds(3600))).lines == Self.one)
        #expect(try Self.cause(Self.ask(liar.settings(timeout: .seconds(3600)))) == .malformed(fault))
    }

    // MARK: services

    @Test func aServiceIsLookedUp() throws {
        let server = try ScriptedServer { asked in
            var answer = asked.answer
            switch (asked.type, asked.name) {
            case (33, "_db._tcp.example"):
                answer.answers = [
                    Answer.cname("_db._tcp.example", "_db._tcp.other.example", ttl: 20),
                    Answer.srv("_db._tcp.other.example", "b.example", port: 5433, priority: 1, weight: 7),
                    Answer.srv("_db._tcp.other.example", "a.example", port: 5432),
                ]
                answer.additional = [Answer.a("a.example", [10, 0, 0, 1]), Answer.opt()]
            case (28, "a.example"): answer.answers = [Answer.aaaa("a.example", 1)]
            case (1, "b.example"):
                answer.answers = [Answer.cname("b.example", "c.example")]
                answer.answers.append(Answer.a("c.example", [10, 0, 0, 2], ttl: 9))
            default: answer.authorities = [Answer.soa("example")]
            }
            return [.datagram(answer.bytes)]
        }
        let finding = NameClient(server.settings()).servers(of: try SoughtName("_db._tcp.example."))
        #expect(
            finding.lines == [
                "a.example. 10.0.0.1:5432 0/0", "a.example. [2001:db8::1]:5432 0/0", "b.example. 10.0.0.2:5433 1/7",
            ])
        #expect(finding.timeToLive == .seconds(9))
        let asked = server.asked.map { "\($0.name) \($0.type)" }
        #expect(asked == ["_db._tcp.example 33", "a.example 28", "b.example 1", "b.example 28"])
    }
}
