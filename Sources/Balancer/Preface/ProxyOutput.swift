import Reactor

/// A header that is being written. Nothing is written beyond the buffer's end; who makes it sees to it that all has
/// room.
@safe struct ProxyOutput {
    private let start: UnsafeMutableRawPointer
    private let room: Int
    /// The bytes that were written.
    private(set) var count = 0

    /// Writes to the beginning of `buffer`, which must outlive this value; nil when it has fewer than `room` bytes.
    init?(_ buffer: UnsafeMutableRawBufferPointer, room: Int) {
        guard let start = buffer.baseAddress, buffer.count >= room else { return nil }
        unsafe self.start = unsafe start
        self.room = room
    }

    /// Writes a number in network byte order. Inlined, since a call takes more instructions than the store.
    @inline(__always) mutating func put<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number) {
        guard count &+ MemoryLayout<Number>.size <= room else { return }
        unsafe start.storeBytes(of: number.bigEndian, toByteOffset: count, as: Number.self)
        count &+= MemoryLayout<Number>.size
    }

    private mutating func put(_ bytes: Span<UInt8>) {
        for index in bytes.indices { put(bytes[index]) }
    }

    private mutating func put(_ text: StaticString) {
        text.withUTF8Buffer { unsafe put(Span(_unsafeElements: $0)) }
    }

    // MARK: version 2

    /// The 16 bytes with which each header of version 2 begins.
    mutating func putFixed(command: UInt8, family: UInt8, length: UInt16) {
        put(0x0D0A_0D0A_000D_0A51 as UInt64)
        put(0x5549_540A as UInt32)
        put(UInt32(0x20 | command) << 24 | UInt32(family) << 16 | UInt32(length))
    }

    /// Command PROXY, the family and the addresses, before `fieldBytes` bytes of TLVs. Without addresses the command is LOCAL:
    /// to PROXY with the family UNSPEC, HAProxy 2.6, Envoy 1.40, OpenSMTPD 6.8 and Postfix 3.7 close the connection.
    mutating func putAddresses(_ source: SocketAddress?, _ destination: SocketAddress?, fieldBytes: UInt16) {
        switch (source, destination) {
        case (.ipv4(let from, let fromPort), .ipv4(let to, let toPort)):
            putFixed(command: 1, family: 0x11, length: UInt16(ProxyWire.ipv4Bytes) &+ fieldBytes)
            put(from)
            put(to)
            put(UInt32(fromPort) << 16 | UInt32(toPort))
        default:
            guard let source, let destination, let from = source.mapped, let to = destination.mapped else {
                return putFixed(command: 0, family: 0, length: fieldBytes)
            }
            putFixed(command: 1, family: 0x21, length: UInt16(ProxyWire.ipv6Bytes) &+ fieldBytes)
            put(from.high)
            put(from.low)
            put(to.high)
            put(to.low)
            put(source.port)
            put(destination.port)
        }
    }

    /// The TLVs. The checksum comes first and is calculated last.
    mutating func putFields(checksum: Bool, uniqueID: UInt64?, authority: [UInt8]?) {
        let place = count &+ ProxyWire.fieldHeadBytes
        if checksum {
            putHead(ProxyWire.checksumType, bytes: ProxyWire.checksumBytes)
            put(0 as UInt32)
        }
        if let authority {
            putHead(ProxyWire.authorityType, bytes: authority.count)
            put(authority.span)
        }
        if let uniqueID {
            putHead(ProxyWire.uniqueIDType, bytes: ProxyHeaderWriter.uniqueIDBytes)
            for place in 0..<ProxyHeaderWriter.uniqueIDBytes {
                let digit = UInt8(truncatingIfNeeded: uniqueID >> UInt64(60 &- 4 &* place)) & 0x0F
                put(digit < 10 ? UInt8(ascii: "0") &+ digit : UInt8(ascii: "a") &+ digit &- 10)
            }
        }
        if checksum { putChecksum(at: place) }
    }

    private mutating func putHead(_ type: UInt8, bytes: Int) {
        put(type)
        put(UInt16(truncatingIfNeeded: bytes))
    }

    private mutating func putChecksum(at place: Int) {
        var checksum = CRC32C()
        for index in 0..<count { unsafe checksum.take(start.load(fromByteOffset: index, as: UInt8.self)) }
        let end = count
        count = place
        put(checksum.value)
        count = end
    }

    // MARK: version 1

    /// A whole line.
    mutating func putLine(_ source: SocketAddress?, _ destination: SocketAddress?) {
        guard let source, let destination, let (from, to) = Self.sameFamily(source, destination) else {
            return put("PROXY UNKNOWN\r\n")
        }
        if case .ipv4 = from { put("PROXY TCP4 ") } else { put("PROXY TCP6 ") }
        putHost(from)
        put(UInt8(ascii: " "))
        putHost(to)
        put(UInt8(ascii: " "))
        putDecimal(source.port)
        put(UInt8(ascii: " "))
        putDecimal(destination.port)
        put("\r\n")
    }

    /// Both as they are, or both as IPv6; nil where one is neither.
    private static func sameFamily(
        _ source: SocketAddress, _ destination: SocketAddress
    ) -> (source: SocketAddress, destination: SocketAddress)? {
        if case (.ipv4, .ipv4) = (source, destination) { return (source, destination) }
        guard let from = source.mapped, let to = destination.mapped else { return nil }
        // A scope means something on the balancer's machine only, and the line has no place for it.
        return (
            .ipv6(high: from.high, low: from.low, scope: 0, port: 0),
            .ipv6(high: to.high, low: to.low, scope: 0, port: 0)
        )
    }

    private mutating func putHost(_ address: SocketAddress) {
        address.withHostText { put($0) }
    }

    private mutating func putDecimal(_ number: UInt16) {
        var unit: UInt16 = 10_000
        while unit > 1, number < unit { unit /= 10 }
        while unit > 0 {
            put(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: number / unit % 10))
            unit /= 10
        }
    }
}

extension SocketAddress {
    /// The two halves of the address in IPv6, where an IPv4 address is mapped (RFC 4291, 2.5.5.2); nil of a Unix
    /// socket.
    fileprivate var mapped: (high: UInt64, low: UInt64)? {
        switch self {
        case .ipv4(let address, _): (0, 0xFFFF_0000_0000 | UInt64(address))
        case .ipv6(let high, let low, _, _): (high, low)
        case .unix: nil
        }
    }
}
