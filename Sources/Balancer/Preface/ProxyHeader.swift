import Reactor

/// The versions of the header that the PROXY protocol puts in front of a connection. Source of this and of all else
/// about it: Willy Tarreau, "The PROXY protocol, Versions 1 & 2", HAProxy's doc/proxy-protocol.txt of 2020/03/05, which
/// comments here call "the specification".
public enum ProxyVersion: String, Hashable, Sendable, CaseIterable {
    /// A line of text (2.1).
    case v1
    /// Binary, with further fields behind the addresses (2.2).
    case v2
}

/// The ends of a connection.
struct ProxyAddresses: Equatable, Sendable {
    /// The client's.
    var source: SocketAddress
    /// What the client connected to.
    var destination: SocketAddress
}

/// What a header says.
struct ProxyHeader: Equatable, Sendable {
    /// The version it is written in.
    var version: ProxyVersion
    /// The connection's ends as the sender had them, in canonical form; nil for LOCAL, UNKNOWN and UNSPEC, and for
    /// families that are no TCP over IP (AF_UNIX, datagrams): then the socket's own addresses hold.
    var addresses: ProxyAddresses?
    /// PP2_TYPE_AUTHORITY (2.2.2): where the name stands in the bytes that were read; nil when there is none, or an
    /// empty one. Of several it is the first. Its bytes are the sender's word: they need not be UTF-8, nor a name.
    var authority: Range<Int>?

    /// The longest header that is accepted, in bytes, of either version: as much as HAProxy's buffer holds
    /// (`tune.bufsize`). A line of version 1 is at most 107 bytes long.
    static let bytesMax = 16_384
}

/// What stands at the beginning of a connection.
enum ProxyHeaderResult: Equatable {
    /// The first `count` bytes are the header; what follows is the client's.
    case header(ProxyHeader, count: Int)
    /// So far it may be a header; more bytes are needed.
    case incomplete
    /// It is none: the bytes are the client's.
    case absent
    /// It began as a header and is wrong.
    case malformed(ProxyHeaderFault)
}

extension ProxyHeader {
    /// Reads a header at the beginning of `bytes`, which are all that have come so far.
    ///
    /// Pure: in which pieces they came makes no difference. Bytes are a header as soon as they have its whole signature
    /// (`PROXY ` or the 12 bytes of version 2): what goes against the specification from there on is malformed, and is
    /// found with the first byte that no header has at its place. Before that they are absent.
    static func read(_ bytes: Span<UInt8>) -> ProxyHeaderResult {
        do throws(ProxyHeaderFault) {
            switch (match(bytes, ProxyWire.textSignature), match(bytes, ProxyWire.binarySignature)) {
            case (.whole, _): return try readText(bytes)
            case (_, .whole): return try readBinary(bytes)
            case (.beginning, _), (_, .beginning): return .incomplete
            case (.none, .none): return .absent
            }
        } catch {
            return .malformed(error)
        }
    }

    private enum Match {
        case none, beginning, whole
    }

    private static func match<let count: Int>(_ bytes: Span<UInt8>, _ signature: InlineArray<count, UInt8>) -> Match {
        let common = min(bytes.count, signature.count)
        for index in 0..<common where bytes[index] != signature[index] { return .none }
        return common == signature.count ? .whole : .beginning
    }
}

/// The numbers of the protocol.
enum ProxyWire {
    /// `PROXY `, with which version 1 begins (2.1).
    static let textSignature: InlineArray<6, UInt8> = [0x50, 0x52, 0x4F, 0x58, 0x59, 0x20]
    /// The longest line of version 1, CR LF included (2.1).
    static let lineBytesMax = 107

    /// With what version 2 begins (2.2).
    static let binarySignature: InlineArray<12, UInt8> = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]
    /// Signature, version and command, family and transport, length.
    static let fixedBytes = 16
    /// Source, destination and two ports.
    static let ipv4Bytes = 12
    /// Source, destination and two ports.
    static let ipv6Bytes = 36
    /// Two paths.
    static let unixBytes = 216

    /// A TLV is a type, a length of two bytes, and the value (2.2).
    static let fieldHeadBytes = 3
    /// PP2_TYPE_AUTHORITY (2.2.2).
    static let authorityType: UInt8 = 0x02
    /// PP2_TYPE_CRC32C (2.2.3).
    static let checksumType: UInt8 = 0x03
    /// PP2_TYPE_UNIQUE_ID (2.2.5).
    static let uniqueIDType: UInt8 = 0x05
    /// The bytes of a checksum.
    static let checksumBytes = 4
}
