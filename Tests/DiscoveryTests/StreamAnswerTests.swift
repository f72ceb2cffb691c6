import Reactor
import Testing

@testable import Discovery

/// Answers that are too long for UDP, and what can happen to them by TCP.
@Suite struct StreamAnswerTests {
    private static func truncated(_ asked: ScriptedServer.Asked) -> ScriptedServer.Act {
        var answer = asked.answer
        answer.flags |= 0x0200
        return .datagram(answer.bytes)
    }

    /// Addresses 10.1.x.y, more than a datagram of 1232 bytes holds.
    private static func long(_ asked: ScriptedServer.Asked, count: Int = 300) -> [UInt8] {
        var answer = asked.answer
        answer.answers = (0..<count).map { Answer.a(asked.name, [10, 1, UInt8($0 >> 8), UInt8($0 & 0xFF)]) }
        return answer.bytes
    }

    private static func ask(_ settings: NameServerSettings, within time: Duration = .seconds(60)) throws -> Finding {
        var client = NameClient(settings, families: .ipv4)
        client.bounds.endpointsMax = 4096
        return client.addresses(of: try SoughtName("db.example."), within: time)
    }

    private static func failure(_ finding: Finding) -> ServerFailure? {
        switch finding {
        case .unanswered(_, let unanswered), .malformed(_, let unanswered): unanswered.failures.first
        default: nil
        }
    }

    @Test func aLongAnswerComesByStream() throws {
        let server = try ScriptedServer { $0.isStream ? [.stream([Self.long($0)])] : [Self.truncated($0)] }
        #expect(try Self.ask(server.settings()).endpoints.count == 300)
        #expect(server.asked.map(\.isStream) == [false, true])
    }

    /// As many records as are read at all.
    @Test func theLongestAnswer() throws {
        let server = try ScriptedServer { asked in
            guard asked.isStream else { return [Self.truncated(asked)] }
            var answer = asked.answer
            let end = wire("C00C 0001 0001 0000012C 0004")
            answer.answers = (0..<4090).map { end + [10, 1, UInt8($0 >> 8), UInt8($0 & 0xFF)] }
            return [.stream([answer.bytes])]
        }
        #expect(try Self.ask(server.settings(timeout: .seconds(10))).endpoints.count == 4090)
    }

    @Test func anAnswerComesInPieces() throws {
        let server = try ScriptedServer { asked in
            guard asked.isStream else { return [Self.truncated(asked)] }
            let bytes = Self.long(asked)
            return [.stream(bytes[..<14].map { [$0] } + [Array(bytes[14..<700]), Array(bytes[700...])])]
        }
        #expect(try Self.ask(server.settings(timeout: .seconds(10))).endpoints.count == 300)
    }

    @Test func theLengthComesInPieces() throws {
        let server = try ScriptedServer { asked in
            guard asked.isStream else { return [Self.truncated(asked)] }
            let bytes = Self.long(asked, count: 2)
            // A message of this length, and bytes behind it that nobody asked for.
            return [.rawStream(word(bytes.count) + bytes + [0, 0, 0])]
        }
        #expect(try Self.ask(server.settings()).endpoints.count == 2)
    }

    @Test func streamsAlone() throws {
        let server = try ScriptedServer { $0.isStream ? [.stream([Self.long($0, count: 1)])] : [] }
        var settings = server.settings(timeout: .seconds(10))
        settings.usesStream = true
        #expect(try Self.ask(settings).endpoints.count == 1)
        #expect(server.asked.map(\.isStream) == [true])
    }

    /// Half of a list would take backends away: without TCP there is no answer.
    @Test func withoutAListenerThereIsNoAnswer() throws {
        let server = try ScriptedServer(listens: false) { [Self.truncated($0)] }
        let finding = try Self.ask(server.settings())
        #expect(
            Self.failure(finding)
                == ServerFailure(server: server.address, isStream: true, cause: .system(.connectionRefused)))
        #expect(finding.description.hasSuffix("\(server.address): Connection refused (by TCP)"))
    }

    @Test func theNextServerMayHaveIt() throws {
        let half = try ScriptedServer(listens: false) { [Self.truncated($0)] }
        let server = try ScriptedServer { $0.isStream ? [.stream([Self.long($0)])] : [Self.truncated($0)] }
        #expect(try Self.ask(half.settings(server.address)).endpoints.count == 300)
    }

    @Test func aConnectionThatSaysNothingHasADeadline() throws {
        let server = try ScriptedServer { $0.isStream ? [] : [Self.truncated($0)] }
        let finding = try Self.ask(server.settings(timeout: .milliseconds(50)))
        #expect(Self.failure(finding)?.cause == .silent(.milliseconds(50)))
        let late = try Self.ask(server.settings(timeout: .seconds(3600)), within: .seconds(1))
        #expect(Self.failure(late)?.isStream == true)
    }

    enum Fault: CaseIterable { case nothing, half, length, otherID, truncated, noResponse }

    @Test(arguments: Fault.allCases) func whatCanBeWrong(fault: Fault) throws {
        let server = try ScriptedServer { asked in
            guard asked.isStream else { return [Self.truncated(asked)] }
            var answer = asked.answer
            switch fault {
            case .nothing: return [.rawStream([])]
            case .half: return [.rawStream(word(answer.bytes.count) + answer.bytes.dropLast(3))]
            case .length: return [.rawStream([0, 11] + answer.bytes)]
            case .otherID: answer.id &+= 1
            case .truncated: answer.flags |= 0x0200
            case .noResponse: return [.stream([asked.bytes])]
            }
            return [.stream([answer.bytes])]
        }
        let failure = try #require(try Self.failure(Self.ask(server.settings(timeout: .seconds(10)))))
        #expect(failure.isStream)
        let size = server.asked.last.map { $0.answer.bytes.count } ?? 0
        let expected: ServerFailure.Cause =
            switch fault {
            case .nothing: .closed(afterBytes: 0)
            case .half: .closed(afterBytes: 2 + size - 3)
            case .length: .malformed(.streamLength(11))
            case .otherID: .malformed(.otherID)
            case .truncated: .malformed(.truncatedStream)
            case .noResponse: .malformed(.noResponse)
            }
        #expect(failure.cause == expected)
    }
}
