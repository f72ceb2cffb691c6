/// The type of a record. Source: the registry "DNS Parameters" of IANA.
public struct RecordType: Hashable, Sendable, CustomStringConvertible {
    /// The number on the wire.
    public let rawValue: UInt16

    /// An IPv4 address: RFC 1035, 3.4.1.
    public static let a = RecordType(rawValue: 1)
    /// An alias: RFC 1035, 3.3.1.
    public static let cname = RecordType(rawValue: 5)
    /// The start of authority, which stands in the answer that there is nothing: RFC 2308, 2.
    static let soa = RecordType(rawValue: 6)
    /// An IPv6 address: RFC 3596, 2.1.
    public static let aaaa = RecordType(rawValue: 28)
    /// The servers of a service: RFC 2782.
    public static let srv = RecordType(rawValue: 33)
    /// What EDNS adds to the header: RFC 6891, 6.1.
    static let opt = RecordType(rawValue: 41)

    /// `AAAA`; `TYPE65` of one that has no meaning here (RFC 3597, 5).
    public var description: String {
        switch self {
        case .a: "A"
        case .cname: "CNAME"
        case .soa: "SOA"
        case .aaaa: "AAAA"
        case .srv: "SRV"
        case .opt: "OPT"
        default: "TYPE\(rawValue)"
        }
    }
}

/// What a name server is asked: the records of one type that a name has, in the class IN.
public struct Question: Hashable, Sendable, CustomStringConvertible {
    /// The name.
    public let name: DomainName
    /// The type.
    public let type: RecordType

    /// `db.example.org. AAAA`
    public var description: String { "\(name) \(type)" }

    /// The largest answer that is asked for by UDP: it fits into one packet on all usual paths, since fragments are often
    /// lost and can be forged. Source: RFC 9715, 3.1; DNS flag day 2020.
    static let datagramBytes: UInt16 = 1232

    /// The class IN.
    static let internet: UInt16 = 1

    /// The message that asks it, with "recursion desired": RFC 1035, 4.1. With EDNS it says that answers of up to
    /// ``datagramBytes`` may come by UDP (RFC 6891); without, the server keeps to 512.
    func message(id: UInt16, withEDNS: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        func put(_ word: UInt16) {
            bytes.append(UInt8(word >> 8))
            bytes.append(UInt8(word & 0xFF))
        }
        put(id)
        put(0x0100)
        // One question, no answers, no authorities, and the OPT record.
        for count in [1, 0, 0, withEDNS ? 1 : 0] as [UInt16] { put(count) }
        bytes += name.wire
        put(type.rawValue)
        put(Self.internet)
        if withEDNS {
            bytes += DomainName.root.wire
            put(RecordType.opt.rawValue)
            put(Self.datagramBytes)
            // Extended code and version, flags, and the length of the options: all 0.
            for _ in 0..<3 { put(0) }
        }
        return bytes
    }
}
