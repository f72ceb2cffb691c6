import Reactor

/// A server name that an operator wants to route, or a wildcard for all names below one: `db.example.org`,
/// `*.example.org`.
///
/// `*.example.org` stands for each name with at least one label more, also for `a.b.example.org`, but not for
/// `example.org`. That is how nginx reads it, and a match of the end in HAProxy; in certificates a wildcard
/// stands for one label only (RFC 9525, 6.3).
public struct ServerNamePattern: Hashable, Sendable, CustomStringConvertible {
    /// The name, or of a wildcard what follows after `*.`; in lower case and without a trailing dot.
    let name: [UInt8]
    /// The pattern begins with `*.`.
    let isWildcard: Bool

    /// The longest pattern in characters, without a trailing dot. Source: RFC 1035, 2.3.4, as text.
    static let bytesMax = 253
    /// The longest label in characters. Source: RFC 1035, 2.3.4.
    static let labelBytesMax = 63

    /// A pattern from its text. Upper and lower case are the same, and one dot at the end changes nothing.
    public init(_ text: String) throws(Fault) {
        if text.hasPrefix("[") || SocketAddress(host: text, port: 0) != nil { throw .address }
        if Self.hasPort(text) { throw .port }
        let characters = text.utf8.last == UInt8(ascii: ".") ? text.utf8.dropLast() : text.utf8[...]
        if characters.isEmpty { throw .empty }
        if characters.count > Self.bytesMax { throw .long }
        try Self.checkCharacters(text)
        if characters.elementsEqual("*".utf8) { throw .everything }
        let bytes = characters.map(ServerName.lowercased)
        let isWildcard = bytes.starts(with: "*.".utf8)
        let name = isWildcard ? Array(bytes.dropFirst(2)) : bytes
        if name.contains(UInt8(ascii: "*")) { throw .misplacedWildcard }
        let labels = name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        if labels.contains(where: \.isEmpty) { throw .emptyLabel }
        if labels.contains(where: { $0.count > Self.labelBytesMax }) { throw .longLabel }
        // Half an address, `127.1` or `*.0.0.5`: no domain at the top is a number. Source: RFC 3696, 2.
        let isNumber = labels.last?.allSatisfy(Self.isDigit) ?? false
        if isNumber { throw .address }
        self.name = name
        self.isWildcard = isWildcard
    }

    private static func checkCharacters(_ text: String) throws(Fault) {
        for scalar in text.unicodeScalars {
            guard scalar.isASCII else { throw .beyondASCII }
            let byte = ServerName.lowercased(UInt8(truncatingIfNeeded: scalar.value))
            guard ServerName.isPlain(byte) || scalar == "*" else { throw .character(scalar) }
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// The text ends with a colon and digits.
    private static func hasPort(_ text: String) -> Bool {
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else { return false }
        let digits = text.utf8[colon...].dropFirst()
        return !digits.isEmpty && digits.allSatisfy(isDigit)
    }

    /// The pattern in lower case and without a trailing dot.
    public var description: String { (isWildcard ? "*." : "") + String(decoding: name, as: UTF8.self) }
}

extension ServerNamePattern {
    /// Why a text is no pattern.
    public enum Fault: Error, Hashable, Sendable, CustomStringConvertible {
        /// Nothing, or a dot alone.
        case empty
        /// More than 253 characters in all.
        case long
        /// Two dots in a row, or one at the beginning.
        case emptyLabel
        /// More than 63 characters between two dots.
        case longLabel
        /// `*` alone.
        case everything
        /// A `*` that is not the whole first label.
        case misplacedWildcard
        /// Letters beyond ASCII.
        case beyondASCII
        /// A character that no name has.
        case character(Unicode.Scalar)
        /// A port behind the name.
        case port
        /// An IP address, or half of one.
        case address

        /// What is wrong, and what would be right; a sentence without a full stop.
        public var description: String {
            switch self {
            case .empty: "a name must not be empty"
            case .long: "a name has at most \(ServerNamePattern.bytesMax) characters"
            case .emptyLabel: "there is nothing between two dots of the name"
            case .longLabel:
                "more than \(ServerNamePattern.labelBytesMax) characters between two dots of the name"
            case .everything: "'*' alone is no name: what no name matches goes to 'otherwise'"
            case .misplacedWildcard: "'*' stands for whole labels at the beginning only, as in *.example.org"
            case .beyondASCII: "clients send names in ASCII: write it as an A-label, xn--... (RFC 5890)"
            case .character(let scalar):
                "'\(scalar.escaped(asASCII: true))' is in no name: there are letters, digits, '-', '_' and '.' only"
            case .port: "a client's name has no port: leave it out"
            case .address: "this is an address, or half of one: clients send names only (RFC 6066, 3)"
            }
        }
    }
}
