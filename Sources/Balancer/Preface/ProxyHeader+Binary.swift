import Reactor

// Version 2 (2.2 of the specification), all numbers in network byte order:
//
//     0         12                 13                  14      16          16 + addresses      16 + length
//     signature version | command  family | transport  length  addresses   type length value ...

extension ProxyHeader {
    /// Reads a header whose signature has come.
    static func readBinary(_ bytes: Span<UInt8>) throws(ProxyHeaderFault) -> ProxyHeaderResult {
        guard bytes.count > 12 else { return .incomplete }
        guard bytes[12] >> 4 == 2 else { throw .version(bytes[12] >> 4) }
        let command = bytes[12] & 0x0F
        guard command <= 1 else { throw .command(command) }
        guard bytes.count > 13 else { return .incomplete }
        // Of LOCAL all is discarded, "including the family which is ignored", and a checksum with it.
        let block = command == 0 ? nil : try ProxyAddressBlock(bytes[13])
        guard bytes.count > 14 else { return .incomplete }
        guard bytesMax &- ProxyWire.fixedBytes >= Int(bytes[14]) << 8 else { throw .length }
        guard bytes.count >= ProxyWire.fixedBytes else { return .incomplete }
        let end = ProxyWire.fixedBytes &+ Int(bytes.word(at: 14))
        guard end <= bytesMax else { throw .length }
        guard let block else {
            return bytes.count < end ? .incomplete : .header(ProxyHeader(version: .v2), count: end)
        }
        let fields = try block.fields(bytes, end: end)
        guard bytes.count >= end else { return .incomplete }
        try fields.verify(bytes, end: end)
        let header = ProxyHeader(version: .v2, addresses: block.addresses(bytes), authority: fields.authority)
        return .header(header, count: end)
    }
}

/// What the 14th byte says about the addresses that follow.
struct ProxyAddressBlock {
    private enum Family: UInt8 {
        case unspecified, ipv4, ipv6, unix
    }

    private enum Transport: UInt8 {
        case unspecified, stream, datagram
    }

    private let family: Family
    private let transport: Transport

    /// Other values than those of the specification "must be rejected as invalid by receivers".
    init(_ byte: UInt8) throws(ProxyHeaderFault) {
        guard let family = Family(rawValue: byte >> 4) else { throw .family(byte >> 4) }
        guard let transport = Transport(rawValue: byte & 0x0F) else { throw .transport(byte & 0x0F) }
        (self.family, self.transport) = (family, transport)
    }

    /// Nobody says how long the addresses are.
    private var isUnspecified: Bool { family == .unspecified || transport == .unspecified }

    private var bytes: Int {
        switch family {
        case _ where isUnspecified: 0
        case .unspecified: 0
        case .ipv4: ProxyWire.ipv4Bytes
        case .ipv6: ProxyWire.ipv6Bytes
        case .unix: ProxyWire.unixBytes
        }
    }

    /// The TLVs behind the addresses, as far as they have come, of a header of `end` bytes.
    ///
    /// With UNSPEC HAProxy writes no addresses, and TLVs at once. Others may write addresses there, which "the receiver
    /// should ignore": what is no row of TLVs is taken for such.
    func fields(_ bytes: Span<UInt8>, end: Int) throws(ProxyHeaderFault) -> ProxyFields {
        if isUnspecified { return (try? ProxyFields(bytes, from: ProxyWire.fixedBytes, end: end)) ?? ProxyFields() }
        let start = ProxyWire.fixedBytes &+ self.bytes
        guard start <= end else {
            throw .shortAddresses(length: end &- ProxyWire.fixedBytes, needed: self.bytes)
        }
        return try ProxyFields(bytes, from: start, end: end)
    }

    /// The addresses of a header that has come as a whole; nil where there are none of TCP over IP.
    func addresses(_ bytes: Span<UInt8>) -> ProxyAddresses? {
        switch (family, transport) {
        case (.ipv4, .stream):
            return ProxyAddresses(
                source: .ipv4(bytes.long(at: 16), port: bytes.word(at: 24)),
                destination: .ipv4(bytes.long(at: 20), port: bytes.word(at: 26)))
        case (.ipv6, .stream):
            return ProxyAddresses(
                source: bytes.ipv6(at: 16, port: bytes.word(at: 48)),
                destination: bytes.ipv6(at: 32, port: bytes.word(at: 50)))
        case (.unspecified, _), (.unix, _), (_, .unspecified), (_, .datagram): return nil
        }
    }
}

/// What the TLVs say. Those of other types are skipped, PP2_TYPE_NOOP among them, and PP2_TYPE_SSL with those inside
/// it.
struct ProxyFields {
    /// The value of PP2_TYPE_AUTHORITY.
    private(set) var authority: Range<Int>?
    /// Where the value of PP2_TYPE_CRC32C begins.
    private var checksum: Int?

    /// None.
    init() {}

    /// Walks from TLV to TLV between `start` and `end`, or as far as the bytes have come.
    init(_ bytes: Span<UInt8>, from start: Int, end: Int) throws(ProxyHeaderFault) {
        var place = start
        while place < min(end, bytes.count) {
            let type = bytes[place]
            let value = place &+ ProxyWire.fieldHeadBytes
            guard value <= end else { throw .beyondEnd(type: type) }
            guard value <= bytes.count else { return }
            place = value &+ Int(bytes.word(at: place &+ 1))
            guard place <= end else { throw .beyondEnd(type: type) }
            switch type {
            case ProxyWire.authorityType where authority == nil && value < place: authority = value..<place
            case ProxyWire.checksumType:
                guard place &- value == ProxyWire.checksumBytes else { throw .checksumLength(place &- value) }
                guard checksum == nil else { throw .checksums }
                checksum = value
            default: break
            }
        }
    }

    /// Compares the checksum, if there is one, with that of the whole header in which it is 0 (2.2.3).
    func verify(_ bytes: Span<UInt8>, end: Int) throws(ProxyHeaderFault) {
        guard let checksum else { return }
        let own = checksum..<checksum &+ ProxyWire.checksumBytes
        var calculated = CRC32C()
        for index in 0..<end { calculated.take(own.contains(index) ? 0 : bytes[index]) }
        guard calculated.value == bytes.long(at: checksum) else { throw .checksum }
    }
}

extension Span<UInt8> {
    /// Two bytes in network byte order.
    fileprivate func word(at place: Int) -> UInt16 { UInt16(self[place]) << 8 | UInt16(self[place &+ 1]) }

    /// Four bytes in network byte order.
    fileprivate func long(at place: Int) -> UInt32 { UInt32(word(at: place)) << 16 | UInt32(word(at: place &+ 2)) }

    fileprivate func ipv6(at place: Int, port: UInt16) -> SocketAddress {
        let high = UInt64(long(at: place)) << 32 | UInt64(long(at: place &+ 4))
        let low = UInt64(long(at: place &+ 8)) << 32 | UInt64(long(at: place &+ 12))
        return SocketAddress.ipv6(high: high, low: low, scope: 0, port: port).canonical
    }
}
