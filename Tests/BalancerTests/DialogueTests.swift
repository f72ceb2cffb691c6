import TestSupport
import Testing

@testable import Balancer

/// What probes say and want to hear, without sockets: cut into pieces anyhow, an answer means the same.
@Suite struct DialogueTests {
    /// What came of a dialogue.
    private struct Result: Hashable {
        var state: Dialogue.State
        var sent: [UInt8]
        var line: [UInt8]
    }

    /// Plays a server that answers with `pieces`, each when it is waited for, and then ends.
    private static func play(_ dialogue: Dialogue, _ pieces: [ArraySlice<UInt8>], sendsAtOnce: Int = .max) -> Result {
        var dialogue = dialogue
        var sent: [UInt8] = []
        var pieces = pieces[...]
        while true {
            switch dialogue.state {
            case .sends:
                let bytes = dialogue.unsent.prefix(sendsAtOnce)
                sent += bytes
                dialogue.hasSent(bytes.count)
            case .reads:
                if let piece = pieces.popFirst() { dialogue.take(piece) } else { dialogue.end() }
            case .succeeded, .failed: return Result(state: dialogue.state, sent: sent, line: dialogue.line)
            }
        }
    }

    /// The result for the answer in one piece, after every other way to cut it was compared with it: in two at each byte,
    /// byte by byte, and at random places.
    private static func result(
        _ dialogue: Dialogue, _ text: String, at location: SourceLocation = #_sourceLocation
    ) -> Result {
        let bytes = Array(text.utf8)
        let whole = play(dialogue, [bytes[...]])
        var ways = (0...bytes.count).map { [bytes[..<$0], bytes[$0...]] }
        ways.append(bytes.indices.map { bytes[$0...$0] })
        var dice = SplitMix64(seed: 99)
        for _ in 0..<50 {
            let cuts = ([0, bytes.count] + (0..<4).map { _ in Int.random(in: 0...bytes.count, using: &dice) }).sorted()
            ways.append(zip(cuts, cuts.dropFirst()).map { bytes[$0..<$1] })
        }
        for way in ways {
            let other = play(dialogue, way.filter { !$0.isEmpty }, sendsAtOnce: 3)
            // What a wrong answer is told as may be cut where the pieces are.
            switch (whole.state, other.state) {
            case (.failed, .failed): break
            default:
                #expect(
                    other == whole, "seed 99: \(way.map { String(decoding: $0, as: UTF8.self) })",
                    sourceLocation: location)
            }
        }
        return whole
    }

    private static func exchange(_ steps: Configuration.ExchangeStep...) -> Dialogue { Dialogue(steps) }
    private static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    private static func reason(_ result: Result) -> String? {
        if case .failed(let reason) = result.state { reason } else { nil }
    }

    // MARK: exchange

    @Test func anAnswerThatBeginsAsExpected() {
        let dialogue = Self.exchange(.send(Self.bytes("PING\r\n")), .expect(Self.bytes("+PONG")))
        let result = Self.result(dialogue, "+PONG\r\n")
        #expect(result.state == .succeeded && result.sent == Self.bytes("PING\r\n"))
        let loading = Self.result(dialogue, "-LOADING Redis is loading\r\n")
        #expect(Self.reason(loading) == #"got "-LOADING Redis is loading\r\n" and not "+PONG""#)
        #expect(Self.reason(Self.result(dialogue, "+PO")) == #"got "+PO" and the end, and not "+PONG""#)
        #expect(Self.reason(Self.result(dialogue, "")) == #"the server has ended the connection, and not "+PONG""#)
    }

    @Test func severalSteps() {
        let dialogue = Self.exchange(
            .expect(Self.bytes("220")), .find(Self.bytes("\r\n")), .send(Self.bytes("QUIT\r\n")),
            .expect(Self.bytes("221")))
        let result = Self.result(dialogue, "220 mail ESMTP\r\n221 bye\r\n")
        #expect(result.state == .succeeded && result.sent == Self.bytes("QUIT\r\n"))
        #expect(Self.reason(Self.result(dialogue, "220 mail\r\n421 no\r\n")) == #"got "421 no\r\n" and not "221""#)
    }

    @Test func theLastStepMaySend() {
        let dialogue = Self.exchange(
            .find(Self.bytes("abab c")), .send([0x58, 0, 0, 0, 4]))
        #expect(Self.result(dialogue, "abababab c and more").sent == [0x58, 0, 0, 0, 4])
    }

    /// As a naive search finds it.
    @Test(arguments: [5, 6, 7] as [UInt64]) func aSearchFindsWhatIsThere(seed: UInt64) {
        var dice = SplitMix64(seed: seed)
        for _ in 0..<500 {
            let pattern = (0..<Int.random(in: 1...5, using: &dice)).map { _ in UInt8.random(in: 0...1, using: &dice) }
            let bytes = (0..<Int.random(in: 0...24, using: &dice)).map { _ in UInt8.random(in: 0...1, using: &dice) }
            var search = ByteSearch(pattern)
            for byte in bytes { search.take(byte) }
            #expect(search.isFound == bytes.contains(pattern), "seed \(seed): \(pattern) in \(bytes)")
        }
    }

    /// A server that sends for ever.
    @Test func thereIsABoundOnWhatIsRead() {
        var dialogue = Self.exchange(.find(Self.bytes("x")))
        var count = 0
        while dialogue.state == .reads, count < 1000 {
            dialogue.take([UInt8](repeating: 0x20, count: 4096)[...])
            count += 1
        }
        #expect(dialogue.state == .failed("no \"x\" in the first 65536 bytes of its answer") && count == 17)
    }

    @Test func aLateAnswerIsTold() {
        var dialogue = Self.exchange(.expect(Self.bytes("+PONG")))
        #expect(dialogue.lateReason == nil)
        dialogue.take(Self.bytes("+P")[...])
        #expect(dialogue.lateReason == #"got "+P" and not "+PONG" within the check's timeout"#)
    }

    @Test func aLongWrongAnswerIsCut() {
        let result = Self.play(
            Self.exchange(.expect([0])), [[UInt8](repeating: 0x41, count: 4000)[...]])
        #expect(Self.reason(result) == "got \"\(String(repeating: "A", count: 48))...\" and not \"\\x00\"")
    }

    // MARK: HTTP

    private static func http(_ adjust: (inout Configuration.HTTPCheck) -> Void = { _ in }) -> Dialogue {
        var check = Configuration.HTTPCheck()
        adjust(&check)
        return Dialogue(check, authority: "10.0.0.1:80")
    }

    @Test func theRequest() {
        let sent = Self.result(Self.http(), "HTTP/1.1 200 OK\r\n\r\n").sent
        #expect(
            String(decoding: sent, as: UTF8.self)
                == "GET / HTTP/1.1\r\nHost: 10.0.0.1:80\r\nUser-Agent: balancer\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        )
        let other = Self.http {
            $0.path = "/health?full=1"
            $0.host = "example.org"
        }
        let text = String(decoding: Self.result(other, "HTTP/1.0 200\r\n\r\n").sent, as: UTF8.self)
        #expect(text.hasPrefix("GET /health?full=1 HTTP/1.1\r\nHost: example.org\r\n"))
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nis ok",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.0 399\n\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ])
    func anyBodyWillDo(answer: String) {
        #expect(Self.result(Self.http(), answer).state == .succeeded)
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nall is ok",
        "HTTP/1.1 200 OK\r\ncontent-length:  9 \r\n\r\nall is ok and this belongs to nothing",
        "HTTP/1.1 200 OK\r\n\r\nall is ok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n8;x=y\r\nall is o\r\n1\r\nk\r\n0\r\nTrailer: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0a\r\nall is ok!\r\n0\r\n\r\n",
    ])
    func theBodyIsFound(answer: String) {
        #expect(Self.result(Self.http { $0.body = Self.bytes("is ok") }, answer).state == .succeeded)
    }

    @Test(arguments: [
        ("HTTP/1.1 503 Service Unavailable\r\n\r\n", "status 503 and not 200-399"),
        ("SSH-2.0-OpenSSH_9\r\n", #"got "SSH-2.0-OpenSSH_9\r\n" and not an answer in HTTP/1.1"#),
        ("HTTP/1.1 20 OK\r\n\r\n", #"got "HTTP/1.1 20 OK\r\n\r\n" and not an answer in HTTP/1.1"#),
        ("HTTP/1.1 -20 OK\r\n\r\n", #"got "HTTP/1.1 -20 OK\r\n\r\n" and not an answer in HTTP/1.1"#),
        (
            "HTTP/1.1 200 OK\r\nContent-",
            #"got "HTTP/1.1 200 OK\r\nContent-" and the end, and not an answer in HTTP/1.1"#
        ),
        ("", "the server has ended the connection, and not an answer in HTTP/1.1"),
    ])
    func wrongHeads(answer: String, reason: String) {
        #expect(Self.reason(Self.result(Self.http(), answer)) == reason)
    }

    @Test(arguments: [
        ("Content-Length: 5\r\n\r\nis ko", "status 200, but no \"is ok\" in its body of 5 bytes"),
        ("Content-Length: 0\r\n\r\nis ok", "status 200, but no \"is ok\" in its body of 0 bytes"),
        ("Content-Length: 9\r\n\r\nis k", "status 200, but its body ended early, after 4 bytes"),
        ("Content-Length: -1\r\n\r\nis ok", "its Content-Length is no number: \"-1\""),
        ("Content-Length: 1\r\nContent-Length: 2\r\n\r\nis ok", "its Content-Length is no number: \"2\""),
        ("\r\nis", "status 200, but no \"is ok\" in its body of 2 bytes"),
        (
            "Transfer-Encoding: chunked\r\n\r\n2\r\nis\r\n0\r\n\r\n ok",
            "status 200, but no \"is ok\" in its body of 2 bytes"
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
            "status 200, but a part of its body has no length: \"xyz\""
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
            "status 200, but a part of its body has no length: \"ffffffffffffffffff\""
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\n1\r\nis ok\r\n",
            "status 200, but a part of its body is longer than its length: \"s ok\""
        ),
    ])
    func wrongBodies(answer: String, reason: String) {
        let result = Self.result(Self.http { $0.body = Self.bytes("is ok") }, "HTTP/1.1 200 OK\r\n" + answer)
        #expect(Self.reason(result) == reason)
    }

    @Test func statusesAreRangesAndSingleOnes() {
        let dialogue = Self.http { $0.statuses = [200...204, 404...404] }
        #expect(Self.result(dialogue, "HTTP/1.1 404 Not Found\r\n\r\n").state == .succeeded)
        #expect(Self.reason(Self.result(dialogue, "HTTP/1.1 302 Found\r\n\r\n")) == "status 302 and not 200-204, 404")
    }

    @Test func aHeadWithoutEnd() {
        var dialogue = Self.http()
        dialogue.hasSent(dialogue.unsent.count)
        dialogue.take(Self.bytes("HTTP/1.1 200 OK\r\n")[...])
        var count = 0
        while dialogue.state == .reads, count < 1000 {
            dialogue.take(Self.bytes("X: \(String(repeating: "y", count: 1000))\r\n")[...])
            count += 1
        }
        #expect(dialogue.state == .failed("the head of its answer is longer than 16384 bytes") && count == 17)
    }

    // MARK: a line

    @Test(arguments: ["up 50%\n", "up 50%", "up 50%\nand what follows\n"]) func aLine(answer: String) {
        let dialogue = Dialogue(lineAfter: Self.bytes("state\n"))
        let result = Self.result(dialogue, answer)
        #expect(
            result.state == .succeeded && result.line == Self.bytes("up 50%") && result.sent == Self.bytes("state\n"))
        #expect(Self.result(Dialogue(lineAfter: []), answer).sent == [])
    }

    @Test func noLine() {
        #expect(
            Self.reason(Self.result(Dialogue(lineAfter: []), ""))
                == "the server has ended the connection, and not a line")
        let long = Self.reason(Self.play(Dialogue(lineAfter: []), [[UInt8](repeating: 0x41, count: 600)[...]]))
        #expect(long == "its line is longer than 512 bytes")
    }
}
