import Glibc
import TestSupport
import Testing

@testable import Discovery

/// Valid answers that are damaged at random: the result is an answer or an error, and never the end of the process.
@Suite struct FuzzTests {
    private static let seeds: [UInt64] =
        if let text = unsafe getenv("SEED"), let seed = UInt64(unsafe String(cString: text)) {
            [seed]
        } else {
            Array(1...24)
        }
    private static let runs = 400

    /// Answers of all kinds, to questions for `_web._tcp.example.org. SRV`.
    private static let answers: [[UInt8]] = {
        let compressed = wire(
            "1234 8180 0001 0002 0001 0003  04 '_web' 04 '_tcp' 07 'example' 03 'org' 00  0021 0001"
                + "C00C 0021 0001 0000012C 000A  0001 0002 0050  01 'a' C016"
                + "C00C 0021 0001 0000012C 000A  0001 0002 0050  01 'b' C016"
                + "C016 0006 0001 00000E10 0018  C016 C016 00000001 00000002 00000003 00000004 00000005"
                + "C039 0001 0001 0000012C 0004 7F000001"
                + "C04F 001C 0001 0000012C 0010 20010DB8 00000000 00000000 00000007"
                + "00 0029 04D0 00000000 0000")
        var plain = Answer(to: compressed)
        let name = "_web._tcp.example.org"
        plain.answers = [
            Answer.cname(name, "web.example.org"), Answer.cname("web.example.org", "other.example.org"),
            Answer.srv("other.example.org", "a.example.org", port: 80),
        ]
        plain.additional = [Answer.a("a.example.org", [127, 0, 0, 1]), Answer.aaaa("a.example.org", 1), Answer.opt()]
        var denied = Answer(to: compressed, code: 3)
        denied.authorities = [Answer.soa("example.org")]
        return [compressed, plain.bytes, denied.bytes]
    }()

    private static func damaged(_ bytes: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let place = Int.random(in: bytes.indices, using: &random)
            switch Int.random(in: 0..<8, using: &random) {
            case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
            // A pointer to anywhere.
            case 2: bytes[place] = UInt8.random(in: 0xC0...0xFF, using: &random)
            case 3: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
            case 4: bytes.remove(at: place)
            case 5: bytes.removeLast(bytes.count - place)
            // A count or a length that lies.
            case 6:
                let lie = word(Int.random(in: 0...65535, using: &random))
                bytes.replaceSubrange(place..<min(place + 2, bytes.count), with: lie)
            default: bytes += bytes[place...].prefix(64)
            }
        }
        return bytes
    }

    @Test(arguments: seeds) func aDamagedAnswerIsReadOrRefused(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let asked = try question("_web._tcp.example.org", .srv)
        var read = 0
        for run in 0..<Self.runs {
            let bytes = Self.damaged(Self.answers[run % Self.answers.count], &random)
            do throws(WireFault) {
                let message = try Message(bytes, id: 0x1234, question: asked)
                read += 1
                let records = message.answers + message.additional
                #expect(records.count <= Message.recordsMax)
                #expect(records.allSatisfy { $0.name.wire.count <= DomainName.wireBytesMax })
                #expect(records.allSatisfy { !$0.name.description.contains("\n") })
                _ = try message.outcome(of: asked)
            } catch {
                #expect(!error.description.isEmpty, "seed \(seed)")
            }
        }
        // Otherwise nothing but the header would have been tried.
        #expect(read > 0, "seed \(seed)")
    }

    /// A whole look-up whose every answer is damaged.
    @Test(arguments: seeds) func aLookUpOfDamagedAnswersEnds(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let service = try SoughtName("_web._tcp.example.org.")
        for _ in 0..<Self.runs / 4 {
            var asked = 0
            var generator = random
            var lookup = Lookup { (question) throws(Unanswered) in
                asked += 1
                var request = Self.answers[Int.random(in: 0..<Self.answers.count, using: &generator)]
                request.replaceSubrange(
                    12..<Answer.questionEnd(request), with: question.message(id: 0, withEDNS: false).dropFirst(12))
                do throws(WireFault) {
                    let message = try Message(Self.damaged(request, &generator), id: 0x1234, question: question)
                    return Reply(
                        server: NameServerSettings.local, outcome: try message.outcome(of: question),
                        additional: message.additional)
                } catch {
                    let failure = ServerFailure(
                        server: NameServerSettings.local, isStream: false, cause: .malformed(error))
                    throw Unanswered(question: question, failures: [failure])
                }
            }
            let finding = lookup.search(service, NameServerSettings()) { (lookup, name) throws(Unanswered) in
                try lookup.servers(of: name)
            }
            #expect(!finding.description.isEmpty)
            #expect(asked <= 2 * (1 + Lookup.aliasesMax) * Message.recordsMax)
            random = generator
            _ = random.next()
        }
    }
}
