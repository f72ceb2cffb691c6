import Reactor

// Version 1 (2.1 of the specification):
//
//     PROXY TCP4 192.168.0.1 192.168.0.11 56324 443 CR LF

extension ProxyHeader {
    /// Reads a line whose signature has come.
    static func readText(_ bytes: Span<UInt8>) throws(ProxyHeaderFault) -> ProxyHeaderResult {
        var line = ProxyLine()
        for index in ProxyWire.textSignature.count..<bytes.count {
            let byte = bytes[index]
            if try line.take(byte) {
                return .header(ProxyHeader(version: .v1, addresses: line.addresses), count: index &+ 1)
            }
            let missing = byte == ProxyLine.carriageReturn ? 1 : 2
            guard index &+ 1 &+ missing <= ProxyWire.lineBytesMax else { throw .longLine }
        }
        return .incomplete
    }
}

/// A line of version 1 behind its signature, byte by byte.
struct ProxyLine {
    private enum Field {
        case word, source, destination, sourcePort, destinationPort
        /// UNKNOWN: what follows is not looked at.
        case ignored
        /// CR has come.
        case lineFeed
    }

    static let carriageReturn = UInt8(ascii: "\r")
    private static let lineFeed = UInt8(ascii: "\n")
    private static let space = UInt8(ascii: " ")

    private var field = Field.word
    /// The bytes of the protocol's name so far, the first one highest.
    private var word: UInt64 = 0
    private var wordBytes = 0
    private var isIPv6 = false
    private var ipv4 = IPv4Text()
    private var ipv6 = IPv6Text()
    private var port = PortText()
    private var source: SocketAddress?
    private var destination: SocketAddress?

    /// What the line says; nil of UNKNOWN, and before its end.
    var addresses: ProxyAddresses? {
        guard let source, let destination else { return nil }
        return ProxyAddresses(source: source.canonical, destination: destination.canonical)
    }

    /// Takes the next byte; true when it ends the line.
    mutating func take(_ byte: UInt8) throws(ProxyHeaderFault) -> Bool {
        switch (field, byte) {
        case (.lineFeed, Self.lineFeed): return true
        case (.lineFeed, _), (_, Self.lineFeed): throw .lineEnd
        case (.ignored, Self.carriageReturn): field = .lineFeed
        case (.ignored, _): break
        case (.destinationPort, Self.carriageReturn):
            destination = destination?.with(port: try endPort(.destination))
            field = .lineFeed
        case (_, Self.carriageReturn): throw .shortLine
        case (.word, _): try takeWord(byte)
        case (.source, Self.space):
            source = try endAddress(.source)
            field = .destination
        case (.source, _): try takeAddress(byte, .source)
        case (.destination, Self.space):
            destination = try endAddress(.destination)
            field = .sourcePort
        case (.destination, _): try takeAddress(byte, .destination)
        case (.sourcePort, Self.space):
            source = source?.with(port: try endPort(.source))
            field = .destinationPort
        case (.sourcePort, _): try takePort(byte, .source)
        case (.destinationPort, _): try takePort(byte, .destination)
        }
        return false
    }

    // MARK: fields

    private static let tcp4: UInt64 = 0x5443_5034
    private static let tcp6: UInt64 = 0x5443_5036
    private static let unknown: UInt64 = 0x55_4E4B_4E4F_574E

    private mutating func takeWord(_ byte: UInt8) throws(ProxyHeaderFault) {
        if byte == Self.space, word == Self.tcp4 || word == Self.tcp6 {
            isIPv6 = word == Self.tcp6
            field = .source
            return
        }
        word = word << 8 | UInt64(byte)
        wordBytes &+= 1
        if word == Self.unknown { return field = .ignored }
        guard begins(Self.tcp4, bytes: 4) || begins(Self.tcp6, bytes: 4) || begins(Self.unknown, bytes: 7) else {
            throw .word
        }
    }

    private func begins(_ name: UInt64, bytes: Int) -> Bool {
        wordBytes <= bytes && name >> UInt64(8 &* (bytes &- wordBytes)) == word
    }

    private mutating func takeAddress(_ byte: UInt8, _ end: ProxyHeaderFault.End) throws(ProxyHeaderFault) {
        guard isIPv6 ? ipv6.take(byte) : ipv4.take(byte) else { throw .address(end, isIPv6: isIPv6) }
    }

    private mutating func endAddress(_ end: ProxyHeaderFault.End) throws(ProxyHeaderFault) -> SocketAddress {
        defer { (ipv4, ipv6) = (IPv4Text(), IPv6Text()) }
        if isIPv6, let (high, low) = ipv6.address { return .ipv6(high: high, low: low, scope: 0, port: 0) }
        if !isIPv6, let address = ipv4.address { return .ipv4(address, port: 0) }
        throw .address(end, isIPv6: isIPv6)
    }

    private mutating func takePort(_ byte: UInt8, _ end: ProxyHeaderFault.End) throws(ProxyHeaderFault) {
        guard port.take(byte) else { throw .port(end) }
    }

    private mutating func endPort(_ end: ProxyHeaderFault.End) throws(ProxyHeaderFault) -> UInt16 {
        guard let number = port.port else { throw .port(end) }
        port = PortText()
        return number
    }
}
