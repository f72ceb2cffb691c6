import Reactor

/// Writes what the balancer says to a backend about its client.
enum ProxyHeaderWriter {
    /// What a header of version 2 holds besides the addresses. Version 1 has no room for it.
    struct Options: OptionSet, Hashable, Sendable {
        let rawValue: UInt8

        /// PP2_TYPE_CRC32C (2.2.3).
        static let checksum = Options(rawValue: 1)
        /// PP2_TYPE_UNIQUE_ID (2.2.5).
        static let uniqueID = Options(rawValue: 2)
    }

    /// The most bytes of a name in PP2_TYPE_AUTHORITY: a name of the DNS has no more (RFC 1035, 2.3.4).
    static let authorityBytesMax = 255
    /// The hexadecimal digits of a unique id.
    static let uniqueIDBytes = 16

    /// The longest header that is written, in bytes: version 2 with IPv6 addresses, a checksum, a name and a unique id.
    /// It goes into the smallest TCP segment (536 bytes), as the specification wants it.
    static let bytesMax =
        ProxyWire.fixedBytes + ProxyWire.ipv6Bytes + 3 * ProxyWire.fieldHeadBytes + ProxyWire.checksumBytes
        + authorityBytesMax + uniqueIDBytes

    /// Writes the header of a client's connection and returns its length; 0 when `buffer` has fewer than ``bytesMax``
    /// bytes.
    ///
    /// With ends of different families the IPv4 address is mapped into IPv6, as HAProxy does it. Where an end is nil or
    /// a Unix socket, it says that the addresses are unknown: UNKNOWN in version 1, LOCAL and UNSPEC in version 2.
    ///
    /// `uniqueID`, with that option, is written as 16 hexadecimal digits in lower case. A longer `authority` than
    /// ``authorityBytesMax`` is left out: half a name is another one.
    static func write(
        _ version: ProxyVersion, source: SocketAddress?, destination: SocketAddress?, options: Options = [],
        uniqueID: UInt64 = 0, authority: [UInt8]? = nil, into buffer: UnsafeMutableRawBufferPointer
    ) -> Int {
        guard var output = unsafe ProxyOutput(buffer, room: bytesMax) else { return 0 }
        switch version {
        case .v1: output.putLine(source, destination)
        case .v2:
            let name = authority.flatMap { $0.count <= authorityBytesMax ? $0 : nil }
            let id = options.contains(.uniqueID) ? uniqueID : nil
            let hasChecksum = options.contains(.checksum)
            let fieldBytes =
                (hasChecksum ? ProxyWire.fieldHeadBytes &+ ProxyWire.checksumBytes : 0)
                &+ (id == nil ? 0 : ProxyWire.fieldHeadBytes &+ uniqueIDBytes)
                &+ (name.map { ProxyWire.fieldHeadBytes &+ $0.count } ?? 0)
            output.putAddresses(source, destination, fieldBytes: UInt16(truncatingIfNeeded: fieldBytes))
            if fieldBytes > 0 { output.putFields(checksum: hasChecksum, uniqueID: id, authority: name) }
        }
        return output.count
    }

    /// The header of a connection of the balancer's own: LOCAL in version 2, and in version 1 its own ends.
    static func probe(_ version: ProxyVersion, from source: SocketAddress?, to destination: SocketAddress?) -> [UInt8] {
        unsafe Array(unsafeUninitializedCapacity: bytesMax) { buffer, count in
            let memory = UnsafeMutableRawBufferPointer(buffer)
            count = unsafe write(
                version, source: version == .v1 ? source : nil, destination: destination, into: memory)
        }
    }
}
