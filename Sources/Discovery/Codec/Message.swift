/// The code with which a server answers: RFC 1035, 4.1.1, of 12 bits with EDNS (RFC 6891, 6.1.3).
public struct ResponseCode: Hashable, Sendable, CustomStringConvertible {
    /// The number on the wire.
    public let rawValue: UInt16

    /// The name exists.
    public static let noError = ResponseCode(rawValue: 0)
    /// The server could not read the question.
    public static let formatError = ResponseCode(rawValue: 1)
    /// The server could not find it out.
    public static let serverFailure = ResponseCode(rawValue: 2)
    /// The name does not exist, with records of any type.
    public static let nameError = ResponseCode(rawValue: 3)
    /// The server does not know such questions.
    public static let notImplemented = ResponseCode(rawValue: 4)
    /// The server does not answer this question, or not to us.
    public static let refused = ResponseCode(rawValue: 5)
    /// The server does not know this version of EDNS.
    public static let badVersion = ResponseCode(rawValue: 16)

    /// As dig(1) writes it: `SERVFAIL`.
    public var description: String {
        switch self {
        case .noError: "NOERROR"
        case .formatError: "FORMERR"
        case .serverFailure: "SERVFAIL"
        case .nameError: "NXDOMAIN"
        case .notImplemented: "NOTIMP"
        case .refused: "REFUSED"
        case .badVersion: "BADVERS"
        default: "RCODE \(rawValue)"
        }
    }

    /// Answers of servers that do not know EDNS, or not our version of it: RFC 6891, 6.1.3 and 7.
    var mayBeAboutEDNS: Bool { self == .formatError || self == .notImplemented || self == .badVersion }
}

/// One record of an answer, of the class IN.
struct Record: Hashable, Sendable {
    enum Data: Hashable, Sendable {
        case ipv4(UInt32)
        case ipv6(high: UInt64, low: UInt64)
        case alias(DomainName)
        case service(priority: UInt16, weight: UInt16, port: UInt16, target: DomainName)
        /// Of a type, or a class, that has no meaning here.
        case other
    }

    let name: DomainName
    let type: RecordType
    /// In seconds, as the server gave it.
    let timeToLive: UInt32
    let data: Data
}

/// An answer that has been read.
struct Message: Hashable, Sendable {
    let code: ResponseCode
    /// The TC bit: the answer was too long for UDP. Nothing else of it has been read.
    let isTruncated: Bool
    /// The AA bit: the server is in charge of the name itself.
    let isAuthoritative: Bool
    /// The RA bit: the server asks others for names that it does not know itself.
    let offersRecursion: Bool
    private(set) var answers: [Record] = []
    private(set) var additional: [Record] = []
    /// An SOA record stands among the authorities: it says that there is nothing, RFC 2308, 2.2.
    private(set) var hasStartOfAuthority = false

    /// The size of a header. Source: RFC 1035, 4.1.1.
    static let headerBytes = 12
    /// The most records that are read. As many A records fit into the 65,535 bytes of a message.
    static let recordsMax = 4096

    /// Reads the answer to `question` that was asked with `id`.
    ///
    /// What may be of somebody else is found first (``WireFault/isStray``). Of an answer that is cut off (TC) the records
    /// are not read: half of a list is of no use (RFC 2181, 9), and servers cut in the middle of a record.
    init(_ bytes: [UInt8], id: UInt16, question: Question) throws(WireFault) {
        guard bytes.count >= Self.headerBytes else { throw .short(bytes: bytes.count) }
        var reader = WireReader(bytes)
        let answered = try reader.word()
        let flags = try reader.word()
        guard flags & 0x8000 != 0 else { throw .noResponse }
        guard answered == id else { throw .otherID }
        let lowCode = flags & 0x000F
        let questions = try reader.word()
        let counts = try (answers: reader.word(), authorities: reader.word(), additional: reader.word())
        try Self.check(questions, is: question, &reader, code: lowCode)
        let operation = UInt8(truncatingIfNeeded: flags >> 11) & 0x0F
        guard operation == 0 else { throw .operation(operation) }
        isTruncated = flags & 0x0200 != 0
        isAuthoritative = flags & 0x0400 != 0
        offersRecursion = flags & 0x0080 != 0
        guard !isTruncated else {
            code = ResponseCode(rawValue: lowCode)
            return
        }
        let total = Int(counts.answers) + Int(counts.authorities) + Int(counts.additional)
        guard total <= Self.recordsMax else { throw .tooManyRecords }
        var highCode: UInt16?
        for index in 0..<total {
            let (record, extended) = try reader.record()
            let isAdditional = index >= Int(counts.answers) + Int(counts.authorities)
            if let extended {
                guard isAdditional, highCode == nil else { throw .misplacedOPT }
                highCode = extended
            } else if isAdditional {
                additional.append(record)
            } else if index < Int(counts.answers) {
                answers.append(record)
            } else if record.type == .soa {
                hasStartOfAuthority = true
            }
        }
        guard reader.rest == 0 else { throw .trailingBytes(reader.rest) }
        code = ResponseCode(rawValue: (highCode ?? 0) << 4 | lowCode)
    }

    /// Compares the question that the answer repeats. A server that could not read it, or does not care, may leave it out
    /// of an error; not of an answer that counts.
    private static func check(
        _ count: UInt16, is question: Question, _ reader: inout WireReader, code: UInt16
    ) throws(WireFault) {
        let isVerdict = code == ResponseCode.noError.rawValue || code == ResponseCode.nameError.rawValue
        if count == 0, !isVerdict { return }
        guard count == 1 else { throw .otherQuestion }
        let name = try reader.name()
        let type = try RecordType(rawValue: reader.word())
        guard try reader.word() == Question.internet, name == question.name, type == question.type else {
            throw .otherQuestion
        }
    }
}

extension WireReader {
    /// A record: RFC 1035, 4.1.3. Of an OPT record the upper bits of the response code as well (RFC 6891, 6.1.3).
    fileprivate mutating func record() throws(WireFault) -> (Record, extendedCode: UInt16?) {
        let name = try name()
        let type = try RecordType(rawValue: word())
        let recordClass = try word()
        let time = try double()
        let length = Int(try word())
        guard length <= rest else { throw .cutShort }
        let end = place + length
        if type == .opt {
            guard name == .root else { throw .misplacedOPT }
            try skip(length)
            return (Record(name: name, type: type, timeToLive: 0, data: .other), UInt16(time >> 24))
        }
        let data = recordClass == Question.internet ? try data(type, length: length) : .other
        if data == .other { try skip(end - place) }
        guard place == end else { throw .dataLength(type) }
        return (Record(name: name, type: type, timeToLive: time, data: data), nil)
    }

    /// The data of a record. Names may be compressed, although RFC 2782 forbids it in SRV: RFC 3597, 4.
    private mutating func data(_ type: RecordType, length: Int) throws(WireFault) -> Record.Data {
        switch type {
        case .a:
            guard length == 4 else { throw .dataLength(type) }
            return .ipv4(try double())
        case .aaaa:
            guard length == 16 else { throw .dataLength(type) }
            let high = try quad()
            return .ipv6(high: high, low: try quad())
        case .cname:
            return .alias(try name())
        case .srv:
            // Three numbers, and a name of one byte at least.
            guard length >= 7 else { throw .dataLength(type) }
            let priority = try word()
            let weight = try word()
            let port = try word()
            return .service(priority: priority, weight: weight, port: port, target: try name())
        default: return .other
        }
    }
}
