import Reactor

/// Why a text is no ``Network``, and what to write instead.
public struct NetworkError: Error, Hashable, CustomStringConvertible {
    /// The text, the fault and the remedy: `10.0.0.1/8: bits beyond the prefix are set; write 10.0.0.0/8`.
    public let description: String

    /// So much of a text is repeated in a message.
    private static let textMax = 60

    init(_ text: String, _ fault: String) {
        let isCut = text.unicodeScalars.count > Self.textMax
        let shown = isCut ? String(text.unicodeScalars.prefix(Self.textMax)) + "..." : text
        let isPlain = !shown.isEmpty && shown.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        description = "\(isPlain ? shown : shown.debugDescription): \(fault)"
    }
}

extension Network {
    /// A network from its text: an address, or an address, `/` and the length of the prefix in decimal digits.
    ///
    /// Refused is what may be meant otherwise than it would be taken: bits beyond the prefix, scopes (RFC 4007), names,
    /// ports, netmasks, and numbers with a sign or with a leading zero, which is octal elsewhere.
    public init(_ text: String) throws(NetworkError) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2 else { throw NetworkError(text, "more than one /") }
        guard !text.contains("%") else {
            throw NetworkError(text, "a network has no scope; write it without the % and what follows there")
        }
        let host = String(parts.first ?? "")
        guard let address = SocketAddress(host: host, port: 0) else {
            throw NetworkError(text, Self.hostFault(host))
        }
        let isMapped = host.contains(":") && Self.bits(of: address) == Self.ipv4Bits
        let lengthMax = isMapped ? Self.ipv6Bits : Self.bits(of: address)
        var length =
            parts.count == 2 ? try Self.length(String(parts[1]), of: address, max: lengthMax, in: text) : lengthMax
        if isMapped {
            guard length >= Self.mappedBits else { throw Self.mappedFault(text, address, length) }
            length -= Self.mappedBits
        }
        guard let network = Network(address, length: length) else {
            let meant = Network(clearing: address, length: length)?.description ?? address.host
            throw NetworkError(text, "bits beyond the prefix are set; write \(meant)")
        }
        self = network
    }

    private static func bits(of address: SocketAddress) -> Int {
        if case .ipv4 = address { ipv4Bits } else { ipv6Bits }
    }

    /// The number after the slash.
    private static func length(
        _ digits: String, of address: SocketAddress, max: Int, in text: String
    ) throws(NetworkError) -> Int {
        guard !digits.isEmpty else { throw NetworkError(text, "no prefix length after the /: 0 to \(max)") }
        if case .ipv4(let mask, _) = SocketAddress(host: digits, port: 0) {
            let meant = Self.length(ofMask: mask).flatMap { Network(clearing: address, length: $0) }
            throw NetworkError(
                text, "a netmask is no prefix length" + (meant.map { "; write \($0)" } ?? ": 0 to \(max)"))
        }
        guard digits.utf8.allSatisfy(isDigit) else {
            throw NetworkError(text, "the prefix length is no number of digits alone: 0 to \(max)")
        }
        let isPlain = digits == "0" || digits.utf8.first != UInt8(ascii: "0")
        guard let length = Int(digits), (0...max).contains(length) else {
            throw NetworkError(text, "prefix length \(digits.prefix(20)): 0 to \(max)")
        }
        guard isPlain else { throw NetworkError(text, "a leading zero in the prefix length; write \(length)") }
        return length
    }

    /// The length that a netmask stands for; nil of one with gaps.
    private static func length(ofMask mask: UInt32) -> Int? {
        let length = mask.nonzeroBitCount
        return mask == ~hostMask(UInt32.self, length) ? length : nil
    }

    private static func mappedFault(_ text: String, _ address: SocketAddress, _ length: Int) -> NetworkError {
        // Whoever wrote a length of IPv4 meant one of IPv4.
        let meant = Network(clearing: address, length: length)?.description
        return NetworkError(
            text, "an IPv4 address in IPv6 has a prefix of 96 to 128 bits" + (meant.map { "; write \($0)" } ?? ""))
    }

    /// What is wrong with a text that is no address.
    private static func hostFault(_ host: String) -> String {
        if host.isEmpty { return "no address; write one as 10.0.0.1, 10.0.0.0/8 or fd00::/8" }
        if host.hasPrefix("["), host.hasSuffix("]") {
            return "a network has no brackets; write it without them"
        }
        if let colon = host.lastIndex(of: ":"), isBeforePort(host[..<colon]) {
            return "a network has no port; write it without the : and what follows there"
        }
        if host.utf8.allSatisfy({ isDigit($0) || $0 == UInt8(ascii: ".") }) {
            return "no address: IPv4 has four numbers of 0 to 255 without leading zeros"
        }
        return isName(host) ? "a name is no network; write its address" : "no address"
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// An address as it stands before a port: of IPv4, or in brackets.
    private static func isBeforePort(_ host: Substring) -> Bool {
        guard host.contains(":") else { return SocketAddress(host: String(host), port: 0) != nil }
        return host.hasPrefix("[") && host.hasSuffix("]")
    }

    /// Of letters, digits, hyphens, underscores and dots alone, as host names are (RFC 1123, 2.1).
    private static func isName(_ host: String) -> Bool {
        host.utf8.allSatisfy { byte in
            isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
        }
    }
}
