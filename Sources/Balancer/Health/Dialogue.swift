/// What a reader of an answer says after a byte.
enum AnswerReading: Hashable, Sendable {
    /// The answer goes on.
    case more
    /// It was what was wanted.
    case done
    /// It was something else, for this reason.
    case wrong(String)
    /// It was something else: what came tells it best.
    case unexpected
}

/// What an answer is called in the log.
enum AnswerText {
    /// `"+PONG\r\n"`, of a long text its beginning and `...`.
    static func quoted(_ bytes: some Collection<UInt8>) -> String {
        let isCut = bytes.count > Limits.answerBytesTold
        return "\"\(EscapedBytes.text(bytes.prefix(Limits.answerBytesTold)))\(isCut ? "..." : "")\""
    }
}

/// What a probe says on its connection and what it wants to hear, step by step: pure. The prober sends ``unsent``, and hands
/// over what it has read; in what pieces makes no difference.
///
/// ```
///   send --(all sent)--> expect, find, HTTP or a line --(done)--> the next step ... --> succeeded
///                                 |
///                                 +--(something else, the end, too much)--> failed
/// ```
///
/// Each step begins at the byte after the last one that the step before has taken, whenever it came.
struct Dialogue: Hashable, Sendable {
    /// How it stands.
    enum State: Hashable {
        /// ``Dialogue/unsent`` is to be sent.
        case sends
        /// Bytes of the server are wanted.
        case reads
        /// All steps are done.
        case succeeded
        /// The answer was not what was wanted, for this reason.
        case failed(String)
    }

    private enum Step: Hashable {
        case send([UInt8])
        case expect([UInt8])
        case find(ByteSearch)
        case http(HTTPAnswer)
        case line
    }

    private(set) var state = State.reads
    /// The server ends the connection when it has answered: so it is waited for before this side does.
    let serverEnds: Bool
    /// Of a dialogue that reads a line: what came of it, without its end.
    private(set) var line: [UInt8] = []
    private var steps: [Step]
    private var place = 0
    /// Bytes that the present step has sent, or found to be right.
    private var done = 0
    /// What came before it was wanted.
    private var waiting: ArraySlice<UInt8> = []
    /// The beginning of what came since the step began.
    private var told: [UInt8] = []
    private var received = 0

    private init(_ steps: [Step], serverEnds: Bool) {
        self.steps = steps
        self.serverEnds = serverEnds
        begin()
    }

    /// The steps of an exchange, after a header of the PROXY protocol if there is one.
    init(_ steps: [Configuration.ExchangeStep], after header: [UInt8] = []) {
        self.init(
            Self.sending(header)
                + steps.map { step in
                    switch step {
                    case .send(let bytes): .send(bytes)
                    case .expect(let bytes): .expect(bytes)
                    case .find(let bytes): .find(ByteSearch(bytes))
                    }
                }, serverEnds: false)
    }

    /// A request in HTTP/1.1 to `authority`, unless the check has a host of its own.
    init(_ check: Configuration.HTTPCheck, authority: String, after header: [UInt8] = []) {
        let request = """
            GET \(check.path) HTTP/1.1\r\nHost: \(check.host ?? authority)\r\nUser-Agent: balancer\r\nAccept: */*\r\n\
            Connection: close\r\n\r\n
            """
        self.init(Self.sending(header + request.utf8) + [.http(HTTPAnswer(check))], serverEnds: true)
    }

    private static func sending(_ bytes: [UInt8]) -> [Step] { bytes.isEmpty ? [] : [.send(bytes)] }

    /// A line is read, up to its end or that of the connection, after `request` was sent, unless that is empty.
    init(lineAfter request: [UInt8]) {
        self.init(Self.sending(request) + [.line], serverEnds: false)
    }

    /// What is to be sent now.
    var unsent: ArraySlice<UInt8> {
        if state == .sends, case .send(let bytes) = steps[place] { bytes[done...] } else { [] }
    }

    /// So many bytes of ``unsent`` were sent.
    mutating func hasSent(_ count: Int) {
        guard state == .sends, case .send(let bytes) = steps[place] else { return }
        done += count
        if done >= bytes.count { next() }
    }

    /// Bytes of the server. Only while ``state`` is `.reads`; what comes too early waits here.
    mutating func take(_ bytes: ArraySlice<UInt8>) {
        received += bytes.count
        waiting += bytes
        takeWaiting()
        if state == .reads, received > Limits.probeAnswerBytesMax {
            state = .failed("no \(wanted) in the first \(Limits.probeAnswerBytesMax) bytes of its answer")
        }
    }

    /// The server has ended its direction.
    mutating func end() {
        guard state == .reads else { return }
        var reading = AnswerReading.unexpected
        switch steps[place] {
        case .http(var answer): reading = answer.end()
        case .line where !line.isEmpty: reading = .done
        default: break
        }
        switch reading {
        case .done: next()
        case .wrong(let reason): state = .failed(reason)
        case .more, .unexpected:
            let what =
                told.isEmpty ? "the server has ended the connection" : "got \(AnswerText.quoted(told)) and the end"
            state = .failed("\(what), and not \(wanted)")
        }
    }

    /// Why it has failed when its time is over; nil when nothing has come.
    var lateReason: String? {
        guard state == .reads, !told.isEmpty else { return nil }
        return "got \(AnswerText.quoted(told)) and not \(wanted) within the check's timeout"
    }

    private var wanted: String {
        guard place < steps.count else { return "" }
        return switch steps[place] {
        case .send(let bytes), .expect(let bytes): AnswerText.quoted(bytes)
        case .find(let search): AnswerText.quoted(search.pattern)
        case .http(let answer): answer.wanted
        case .line: "a line"
        }
    }

    // MARK: steps

    private mutating func begin() {
        guard place < steps.count else { return state = .succeeded }
        if case .send = steps[place] { state = .sends } else { state = .reads }
    }

    private mutating func next() {
        place += 1
        done = 0
        told.removeAll()
        begin()
        takeWaiting()
    }

    /// Takes what has come, as far as the present steps want it.
    private mutating func takeWaiting() {
        guard state == .reads else { return }
        tell(waiting)
        while state == .reads, let byte = waiting.popFirst() {
            switch take(byte) {
            case .more: break
            case .done: return next()
            case .wrong(let reason): state = .failed(reason)
            case .unexpected: state = .failed("got \(AnswerText.quoted(told)) and not \(wanted)")
            }
        }
    }

    private mutating func tell(_ bytes: ArraySlice<UInt8>) {
        // One more shows that there is more.
        told += bytes.prefix(max(0, Limits.answerBytesTold + 1 - told.count))
    }

    private mutating func take(_ byte: UInt8) -> AnswerReading {
        switch steps[place] {
        case .send: return .more
        case .expect(let bytes):
            guard byte == bytes[done] else { return .unexpected }
            done += 1
            return done == bytes.count ? .done : .more
        case .find(var search):
            search.take(byte)
            steps[place] = .find(search)
            return search.isFound ? .done : .more
        case .http(var answer):
            // Otherwise there were two of it, and each byte would copy its line.
            steps[place] = .line
            defer { steps[place] = .http(answer) }
            return answer.take(byte)
        case .line:
            guard byte != UInt8(ascii: "\n") else { return .done }
            line.append(byte)
            return line.count <= Limits.agentLineBytesMax
                ? .more : .wrong("its line is longer than \(Limits.agentLineBytesMax) bytes")
        }
    }
}
