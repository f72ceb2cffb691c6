import Reactor

/// A host as an argument: a name, an IPv4 address, or an IPv6 address with or without brackets.
public struct HostArgument: Hashable, Sendable {
    /// The name or address, without brackets.
    public let text: String

    /// Checks a host without looking it up; the error says why it is none.
    public init(_ argument: String) throws(ArgumentFault) {
        let isBracketed = argument.hasPrefix("[") && argument.hasSuffix("]")
        text = isBracketed ? String(argument.dropFirst().dropLast()) : argument
        if let address = SocketAddress(host: text, port: 0) {
            guard !address.lacksZone else {
                throw ArgumentFault("a link-local address needs its interface: \(text)%eth0 (`ip link` lists them)")
            }
            guard !address.isGroup else {
                throw ArgumentFault(
                    "it is a multicast or broadcast address, which has no TCP: give that of one machine")
            }
        } else if isBracketed || text.hasPrefix("-") || !Resolver.isName(text) {
            throw ArgumentFault(Self.explain(text))
        }
    }

    /// Its address with a port; nil when it is a name.
    public func address(port: UInt16) -> SocketAddress? { SocketAddress(host: text, port: port) }

    /// Splits `HOST:PORT` and `[ADDRESS]:PORT`; nil when the text has not this form.
    public static func splitPort(_ text: String) -> (host: String, port: String)? {
        guard !text.contains("://") else { return nil }
        if text.hasPrefix("[") {
            guard let end = text.firstRange(of: "]:") else { return nil }
            return (String(text[..<end.lowerBound]) + "]", String(text[end.upperBound...]))
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
    }

    /// Why a text is neither an address nor a name.
    private static func explain(_ text: String) -> String {
        if text.isEmpty { return "it is empty: give a name or an address" }
        if text.contains("://") { return "a URL is no host: give its host and port alone" }
        if text.contains(",") { return "it contains a comma: separate hosts by spaces" }
        if text.contains(where: \.isWhitespace) {
            return text.allSatisfy(\.isWhitespace)
                ? "it is blank: give a name or an address"
                : "it contains white space: give each host and each port as an argument of its own, quoted apart"
        }
        if text.hasPrefix("-") { return "no host begins with '-'; an option goes before '--'" }
        if text.allSatisfy(\.isNumber) { return "a number alone is no host: give a name or an address before the port" }
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2, case .ipv6 = SocketAddress(host: String(parts[0]), port: 0) {
            return "this machine has no interface '\(parts[1])': `ip link` lists them"
        }
        if let (host, port) = splitPort(text), Port(argument: port) != nil {
            return "host and port are two arguments here: \(host) \(port)"
        }
        if text.contains(":") { return "it is no IPv6 address; one with a port is written [ADDRESS]:PORT" }
        if text.allSatisfy({ $0.isNumber || $0 == "." }) {
            return "an IPv4 address has four numbers from 0 to 255, without leading zeros"
        }
        return "it is neither an address nor a host name: give an IPv4 or IPv6 address, or a name"
    }
}

extension SocketAddress {
    /// True of an address in fe80::/10 without a scope. Each interface has that network, so it leads nowhere.
    fileprivate var lacksZone: Bool {
        guard case .ipv6(let high, _, 0, _) = self else { return false }
        return high >> 54 == 0xFE80 >> 6
    }

    /// True of addresses of many machines: 224.0.0.0/4, 255.255.255.255 and ff00::/8. The kernel binds a listener to one,
    /// which no client can then reach.
    fileprivate var isGroup: Bool {
        switch self {
        case .ipv4(let address, _): address >> 28 == 0xE || address == .max
        case .ipv6(let high, _, _, _): high >> 56 == 0xFF
        case .unix: false
        }
    }
}

extension ResolverError {
    /// What to do about it.
    public var remedy: String {
        switch cause {
        case .malformed: "give an IPv4 or IPv6 address, or a name"
        case .unknown: "check its spelling, or give an address (`getent hosts \(host)` asks the same)"
        case .unanswered: "give an address, or check the network and /etc/resolv.conf"
        }
    }
}
