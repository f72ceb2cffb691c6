/// What is wrong with an answer, byte by byte or as a whole.
public enum WireFault: Error, Hashable, Sendable {
    // MARK: it may be of somebody else

    /// Fewer bytes than a header has, or none.
    case short(bytes: Int)
    /// A question and no answer.
    case noResponse
    /// The id of another question.
    case otherID
    /// It repeats another question than was asked, or none, or several.
    case otherQuestion

    // MARK: it cannot be read

    /// Another operation than a query: the opcode of RFC 1035, 4.1.1.
    case operation(UInt8)
    /// It ends in the middle of a record, or before as many records as its header counts.
    case cutShort
    /// Bytes follow after as many records as its header counts.
    case trailingBytes(Int)
    /// More records than ``Message/recordsMax``.
    case tooManyRecords
    /// A label that is neither text nor a pointer: RFC 1035, 4.1.4.
    case labelKind
    /// A pointer that does not lead to an earlier place: it may be a loop.
    case pointer
    /// More pointers in a name than ``WireReader/pointersMax``.
    case tooManyPointers
    /// A name of more than 255 bytes.
    case longName
    /// The data of a record have another length than their type demands.
    case dataLength(RecordType)
    /// An OPT record where none may be, or a second one: RFC 6891, 6.1.1.
    case misplacedOPT
    /// It is marked as cut off, although it came by TCP.
    case truncatedStream
    /// A length before the message that no message can have.
    case streamLength(Int)

    // MARK: it can be read and makes no sense

    /// Records of other names than were asked for.
    case otherName
    /// It says that the name does not exist, and gives records of it.
    case contradiction
    /// More aliases in a row than ``Lookup/aliasesMax``; they may be a loop.
    case tooManyAliases

    /// True of what somebody else may have sent, or what answers an earlier question. With UDP the answer may still come.
    var isStray: Bool {
        switch self {
        case .short, .noResponse, .otherID, .otherQuestion: true
        default: false
        }
    }
}

extension WireFault: CustomStringConvertible {
    /// What was wrong, to follow after "its answer": `has the id of another question`.
    public var description: String {
        switch self {
        case .short(let bytes): "has \(bytes) bytes, fewer than a header"
        case .noResponse: "is a question itself"
        case .otherID: "has the id of another question"
        case .otherQuestion: "belongs to another question"
        case .operation(let code): "is about operation \(code) and not a query"
        case .cutShort: "ends before the records that it announces"
        case .trailingBytes(let count): "has \(count) bytes behind the records that it announces"
        case .tooManyRecords: "announces more than \(Message.recordsMax) records"
        case .labelKind: "has a name with a label of an unknown kind"
        case .pointer: "has a name whose pointer does not lead back"
        case .tooManyPointers: "has a name of more than \(WireReader.pointersMax) pointers"
        case .longName: "has a name of more than \(DomainName.wireBytesMax) bytes"
        case .dataLength(let type): "has a record \(type) of a wrong length"
        case .misplacedOPT: "has an OPT record where none may be"
        case .truncatedStream: "is cut off although it came by TCP"
        case .streamLength(let count): "announces a length of \(count) bytes, fewer than a header"
        case .otherName: "has records of other names only"
        case .contradiction: "says that the name does not exist, and has records of it"
        case .tooManyAliases: "leads through more than \(Lookup.aliasesMax) aliases (CNAME)"
        }
    }
}
