/// What is wrong with a header of the PROXY protocol: a sentence fragment for the log.
enum ProxyHeaderFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// The ends of a connection, as messages call them.
    enum End: String, Hashable, Sendable {
        case source, destination
    }

    /// Version 1: a protocol that the specification does not have.
    case word
    /// Version 1: no address of the family.
    case address(End, isIPv6: Bool)
    /// Version 1: no port.
    case port(End)
    /// Version 1: the line ends before its last field.
    case shortLine
    /// Version 1: a line must end with CR LF, and neither stands alone.
    case lineEnd
    /// Version 1: more than 107 bytes without an end.
    case longLine

    /// Version 2: the signature is followed by another version.
    case version(UInt8)
    /// Version 2: neither LOCAL nor PROXY.
    case command(UInt8)
    /// Version 2: an address family that is not assigned.
    case family(UInt8)
    /// Version 2: a transport protocol that is not assigned.
    case transport(UInt8)
    /// Version 2: longer than ``ProxyHeader/bytesMax``.
    case length
    /// Version 2: shorter than the addresses of its family.
    case shortAddresses(length: Int, needed: Int)
    /// Version 2: a TLV, or its head, is longer than what is left of the header.
    case beyondEnd(type: UInt8)
    /// Version 2: a checksum that is not 4 bytes long.
    case checksumLength(Int)
    /// Version 2: more than one checksum. The second could not be zero while the first was calculated.
    case checksums
    /// Version 2: the checksum is that of other bytes.
    case checksum

    /// What is wrong: `the version is 3`.
    var description: String {
        switch self {
        case .word: "the protocol is none of TCP4, TCP6 and UNKNOWN"
        case .address(let end, let isIPv6): "the \(end.rawValue) address is no IPv\(isIPv6 ? 6 : 4) address"
        case .port(let end): "the \(end.rawValue) port is no number from 0 to 65535"
        case .shortLine: "the line ends before the destination port"
        case .lineEnd: "a CR or LF stands alone"
        case .longLine: "a v1 header without CR LF in \(ProxyWire.lineBytesMax) bytes"
        case .version(let version): "the version is \(version)"
        case .command(let command): "the command is \(command)"
        case .family(let family): "the address family is \(family)"
        case .transport(let transport): "the transport protocol is \(transport)"
        case .length: "the header is longer than \(ProxyHeader.bytesMax) bytes"
        case .shortAddresses(let length, let needed): "the length is \(length): the addresses alone take \(needed)"
        case .beyondEnd(let type): "the TLV of type \(type) goes beyond the header's end"
        case .checksumLength(let count): "the checksum has \(count) bytes and not \(ProxyWire.checksumBytes)"
        case .checksums: "there are two checksums"
        case .checksum: "the checksum is wrong"
        }
    }
}
