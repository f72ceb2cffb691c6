import Reactor

/// A name of the DNS, always a full one: `db.example.org.`
///
/// Two names that differ in the case of ASCII letters only are the same (RFC 4343), so it is kept in lower case. A label
/// that came from a name server may hold any byte; the description escapes what would break a line.
public struct DomainName: Hashable, Sendable {
    /// The labels, each after a byte that tells its length, and the zero that ends them: RFC 1035, 3.1.
    let wire: [UInt8]

    /// The most bytes of a name on the wire, lengths and the closing zero included. Source: RFC 1035, 2.3.4.
    public static let wireBytesMax = 255
    /// The most bytes of a label. Source: RFC 1035, 2.3.4.
    public static let labelBytesMax = 63

    /// The root, `.`: in an SRV record it says that there is no such service (RFC 2782).
    public static let root = DomainName(wire: [0])

    /// Why a text is no name.
    public enum Fault: Error, Hashable, CustomStringConvertible {
        /// Nothing, or a dot alone.
        case empty
        /// An IP address.
        case address
        /// Letters beyond ASCII.
        case beyondASCII
        /// A character that no host or service name has.
        case character
        /// Two dots in a row, or one at the beginning.
        case emptyLabel
        /// More than 63 bytes between two dots.
        case longLabel
        /// More than 253 characters in all.
        case long

        /// What is wrong, and what would be right.
        public var description: String {
            switch self {
            case .empty: "a name must not be empty"
            case .address: "this is an address, or half of one, and no name: an address needs no name server"
            case .beyondASCII: "only ASCII is looked up: write the name in its xn-- form (RFC 5890)"
            case .character: "a name has letters, digits, '-', '_' and '.' only"
            case .emptyLabel: "there is nothing between two dots of the name"
            case .longLabel: "more than \(DomainName.labelBytesMax) characters between two dots of the name"
            case .long: "a name has at most \(Resolver.nameBytesMax) characters"
            }
        }
    }

    init(wire: [UInt8]) { self.wire = wire }

    /// A name from its text; a dot at the end changes nothing. There are no escapes: what is looked up here are hosts and
    /// services, whose names need none.
    public init(_ text: String) throws(Fault) {
        let bytes = text.utf8.last == UInt8(ascii: ".") ? text.utf8.dropLast() : text.utf8[...]
        if bytes.isEmpty { throw .empty }
        if bytes.count > Resolver.nameBytesMax { throw .long }
        if SocketAddress(host: text, port: 0) != nil { throw .address }
        if !bytes.allSatisfy({ $0 < 0x80 }) { throw .beyondASCII }
        if !bytes.allSatisfy(Self.isPlain(_:)) { throw .character }
        var wire: [UInt8] = []
        for label in bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
            if label.isEmpty { throw .emptyLabel }
            guard let count = UInt8(exactly: label.count), label.count <= Self.labelBytesMax else { throw .longLabel }
            wire.append(count)
            wire += label.map(Self.lowercased)
        }
        // "1" and "127.1" are what getaddrinfo(3) takes for addresses.
        guard Resolver.isName(text) else { throw .address }
        self.init(wire: wire + [0])
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "."): true
        default: isPlainInLabel(byte)
        }
    }

    private static func isPlainInLabel(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }

    /// The lower case of an ASCII letter; any other byte as it is. A label's length, at most 63, is no letter.
    static func lowercased(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }

    /// How many labels it has: 3 of `db.example.org.`, 0 of the root.
    var labelCount: Int {
        var count = 0
        forEachLabel { _ in count += 1 }
        return count
    }

    /// This name in front of another: `db` and `example.org.` make `db.example.org.`; nil when that is too long.
    func inside(_ domain: DomainName) -> DomainName? {
        let joined = wire.dropLast() + domain.wire
        return joined.count <= Self.wireBytesMax ? DomainName(wire: Array(joined)) : nil
    }

    private func forEachLabel(_ body: (ArraySlice<UInt8>) -> Void) {
        var rest = wire[...]
        while let count = rest.popFirst(), count > 0 {
            body(rest.prefix(Int(count)))
            rest = rest.dropFirst(Int(count))
        }
    }
}

extension DomainName: Comparable {
    /// An order that is always the same; not that of the texts, since a label begins with its length.
    public static func < (left: DomainName, right: DomainName) -> Bool {
        left.wire.lexicographicallyPrecedes(right.wire)
    }
}

extension DomainName: CustomStringConvertible {
    /// `db.example.org.`, with the dot that ends a full name. A byte that is no letter, digit, `-` or `_` stands as its
    /// three decimal digits: `\032` (RFC 1035, 5.1).
    public var description: String {
        var text = ""
        forEachLabel { label in
            for byte in label {
                if Self.isPlainInLabel(byte) {
                    text.unicodeScalars.append(Unicode.Scalar(byte))
                } else {
                    let digits = String(byte)
                    text += "\\" + String(repeating: "0", count: 3 - digits.utf8.count) + digits
                }
            }
            text += "."
        }
        return text.isEmpty ? "." : text
    }
}
