/// Reads an answer in HTTP/1.0 or HTTP/1.1 (RFC 9112), byte by byte, and judges it. Pure: where the answer is cut into pieces
/// makes no difference.
///
/// ```
///   status line --> head --> body of a length, of chunks, or to the end of the connection --> judged
///        ^            |
///        +-- status 100 to 199 (but 101)
/// ```
///
/// With nothing wanted of the body the head judges it, however long the body is.
struct HTTPAnswer: Hashable, Sendable {
    private enum State: Hashable {
        case statusLine, head
        case body(left: UInt64)
        case untilEnd
        case chunkSize, chunkData(left: UInt64), chunkEnd, trailer
    }

    private let check: Configuration.HTTPCheck
    private var state = State.statusLine
    /// The line that is being read, without its end.
    private var line: [UInt8] = []
    private var headBytes = 0
    private var status = 0
    private var length: UInt64?
    private var isChunked = false
    private var search: ByteSearch
    private var bodyBytes: UInt64 = 0

    init(_ check: Configuration.HTTPCheck) {
        self.check = check
        search = ByteSearch(check.body)
    }

    /// What is being waited for, in words.
    var wanted: String {
        switch state {
        case .statusLine, .head: "an answer in HTTP/1.1"
        default: "a body with \(AnswerText.quoted(check.body))"
        }
    }

    /// Takes the next byte.
    mutating func take(_ byte: UInt8) -> AnswerReading {
        switch state {
        case .body(let left):
            state = .body(left: left - 1)
            return takeBody(byte, isLast: left == 1)
        case .untilEnd:
            return takeBody(byte, isLast: false)
        case .chunkData(let left):
            state = left == 1 ? .chunkEnd : .chunkData(left: left - 1)
            return takeBody(byte, isLast: false)
        case .statusLine, .head, .chunkSize, .chunkEnd, .trailer:
            headBytes += 1
            guard headBytes <= Limits.probeHeadBytesMax else {
                return .wrong("the head of its answer is longer than \(Limits.probeHeadBytesMax) bytes")
            }
            guard byte == UInt8(ascii: "\n") else {
                line.append(byte)
                return isNoStatusLine ? .unexpected : .more
            }
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            defer { line.removeAll(keepingCapacity: true) }
            return takeLine()
        }
    }

    /// The server has ended the connection.
    mutating func end() -> AnswerReading {
        switch state {
        case .statusLine, .head: .unexpected
        case .untilEnd: judgeBody()
        case .body, .chunkSize, .chunkData, .chunkEnd, .trailer:
            .wrong("status \(status), but its body ended early, after \(bodyBytes) bytes")
        }
    }

    private static let start = Array("HTTP/1.".utf8)

    /// What has come of the first line begins otherwise than an answer does.
    private var isNoStatusLine: Bool {
        state == .statusLine && line.count <= Self.start.count && !Self.start.starts(with: line)
    }

    // MARK: lines

    private mutating func takeLine() -> AnswerReading {
        switch state {
        case .statusLine: takeStatusLine()
        case .head: line.isEmpty ? endHead() : takeField()
        case .chunkSize: takeChunkSize()
        case .chunkEnd:
            takeChunkEnd()
        case .trailer: line.isEmpty ? judgeBody() : .more
        case .body, .untilEnd, .chunkData: .more
        }
    }

    /// `HTTP/1.1 200 OK`; the reason may be missing.
    private mutating func takeStatusLine() -> AnswerReading {
        let words = line.split(separator: UInt8(ascii: " "), maxSplits: 2, omittingEmptySubsequences: false)
        guard words.count >= 2, words[0].count == Self.start.count + 1, words[1].count == 3,
            let status = Self.number(words[1], radix: 10), Configuration.HTTPCheck.statusRange.contains(Int(status))
        else { return .unexpected }
        self.status = Int(status)
        state = .head
        return .more
    }

    private mutating func takeField() -> AnswerReading {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return .more }
        let value = Self.trimmed(line[(colon + 1)...])
        if Self.matches(line[..<colon], "content-length") {
            guard let number = Self.number(value, radix: 10), length ?? number == number else {
                return .wrong("its Content-Length is no number: \(AnswerText.quoted(value))")
            }
            length = number
        } else if Self.matches(line[..<colon], "transfer-encoding") {
            isChunked = Self.matches(value.suffix(7), "chunked")
        }
        return .more
    }

    /// RFC 9112, 6.3: where the body ends.
    private mutating func endHead() -> AnswerReading {
        if (100...199).contains(status), status != 101 {
            (state, length, isChunked) = (.statusLine, nil, false)
            return .more
        }
        guard check.accepts(status) else { return .wrong("status \(status) and not \(check.statusText)") }
        if search.isFound { return .done }
        let hasNone = [101, 204, 304].contains(status) || !isChunked && length == 0
        if hasNone { return judgeBody() }
        state = isChunked ? .chunkSize : length.map { .body(left: $0) } ?? .untilEnd
        return .more
    }

    // MARK: the body

    private mutating func takeBody(_ byte: UInt8, isLast: Bool) -> AnswerReading {
        bodyBytes += 1
        search.take(byte)
        if search.isFound { return .done }
        return isLast ? judgeBody() : .more
    }

    private func judgeBody() -> AnswerReading {
        search.isFound
            ? .done
            : .wrong("status \(status), but no \(AnswerText.quoted(check.body)) in its body of \(bodyBytes) bytes")
    }

    /// Hexadecimal digits, which extensions may follow.
    private mutating func takeChunkSize() -> AnswerReading {
        let digits = Self.trimmed(line.prefix { $0 != UInt8(ascii: ";") })
        guard let size = Self.number(digits, radix: 16) else {
            return .wrong("status \(status), but a part of its body has no length: \(AnswerText.quoted(line))")
        }
        headBytes = 0
        state = size == 0 ? .trailer : .chunkData(left: size)
        return .more
    }

    private mutating func takeChunkEnd() -> AnswerReading {
        guard line.isEmpty else {
            return .wrong(
                "status \(status), but a part of its body is longer than its length: \(AnswerText.quoted(line))")
        }
        state = .chunkSize
        return .more
    }

    // MARK: bytes

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        var bytes = bytes.drop(while: isSpace)
        while let last = bytes.last, isSpace(last) { bytes.removeLast() }
        return bytes
    }

    /// Without regard to upper and lower case; `name` is in lower case.
    private static func matches(_ bytes: ArraySlice<UInt8>, _ name: StaticString) -> Bool {
        let lower = bytes.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
        return lower == Array(name.description.utf8)
    }

    /// Digits and nothing else; nil also of a number that does not fit.
    private static func number(_ bytes: ArraySlice<UInt8>, radix: Int) -> UInt64? {
        let isPlain = bytes.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || radix == 16 && (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
        }
        return isPlain && !bytes.isEmpty ? UInt64(String(decoding: bytes, as: UTF8.self), radix: radix) : nil
    }
}
