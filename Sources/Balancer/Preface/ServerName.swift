/// A server name as clients and operators write it: ASCII letters lower case, without one trailing dot. Bytes beyond
/// ASCII stay as they are: no client should send them (RFC 6066, 3 wants A-labels), and no pattern has them.
///
/// An address in text (`10.0.0.5`) is a name like any other here, although RFC 6066 has no addresses: no pattern
/// matches it.
public struct ServerName: Hashable, Sendable, CustomStringConvertible {
    /// The name: 1 to ``bytesMax`` bytes, of which those of ASCII are letters in lower case, digits, `-`, `_` and `.`,
    /// and no label is empty.
    public let bytes: [UInt8]

    /// The longest name. The DNS has none of more than 253 characters; 255 is its limit on the wire. Source: RFC 1035,
    /// 2.3.4.
    static let bytesMax = 255

    /// A name from its text; nil where ``init(bytes:)`` gives nil of the text's UTF-8.
    public init?(_ text: String) { self.init(bytes: Array(text.utf8)) }

    /// A name from its bytes; nil when it is empty, longer than ``bytesMax`` without its trailing dot, has an empty
    /// label, or a character of ASCII that no host has: controls, spaces, `:`, `/`, `*` and the like.
    init?(bytes: [UInt8]) {
        guard bytes.count <= Self.bytesMax + 1 else { return nil }
        var name = bytes
        if name.last == UInt8(ascii: ".") { name.removeLast() }
        guard !name.isEmpty, name.count <= Self.bytesMax else { return nil }
        // A dot in front, or after another one, leaves a label empty; so does one that is left at the end.
        var previous = UInt8(ascii: ".")
        for place in name.indices {
            let byte = Self.lowercased(name[place])
            guard Self.isPlain(byte), byte != UInt8(ascii: ".") || previous != byte else { return nil }
            name[place] = byte
            previous = byte
        }
        guard previous != UInt8(ascii: ".") else { return nil }
        self.bytes = name
    }

    /// The name as UTF-8, in which U+FFFD stands for what is none. It may hold characters that a line of the log must
    /// escape.
    public var description: String { String(decoding: bytes, as: UTF8.self) }

    /// The lower case of an ASCII letter; any other byte as it is. Source: RFC 4343, 3.
    static func lowercased(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }

    /// True of what stands in a name, in lower case, and of bytes beyond ASCII. `_` is in no host's name by the book,
    /// but in those of containers.
    static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), 0x80...: true
        default: false
        }
    }
}
