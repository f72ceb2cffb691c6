/// The protocol of the chat: lines of text, each beginning with its author's name in brackets.
///
/// ```
///   typed   hello\n             on the wire   [test1] hello\n
///   typed   q\n or Q\n          nothing: the client leaves
/// ```
///
/// The server knows only where lines end: it passes on whole ones, byte for byte. So whatever writes lines interoperates.
public enum LineProtocol {
    /// The longest name, in bytes of UTF-8.
    public static let nameBytesMax = 64

    /// How much of a line is collected before it leaves, in bytes. A longer line leaves in several writes, but is still
    /// one line on the wire.
    public static let lineBytesMax = 64 * 1024

    /// True of a typed line (without its line break) that ends the chat: exactly `q` or `Q`.
    public static func isFarewell(_ line: Span<UInt8>) -> Bool {
        line.count == 1 && (line[0] == UInt8(ascii: "q") || line[0] == UInt8(ascii: "Q"))
    }
}

/// Why a name cannot be used.
public enum ChatNameError: Error, Hashable, CustomStringConvertible {
    /// There is none.
    case empty
    /// It has more than ``LineProtocol/nameBytesMax`` bytes.
    case tooLong
    /// A line break or another control character would break the line or the readers' terminals.
    case controlCharacter

    /// The reason, for people.
    public var description: String {
        switch self {
        case .empty: "the name is empty"
        case .tooLong: "the name is longer than \(LineProtocol.nameBytesMax) bytes"
        case .controlCharacter: "the name contains a line break or another control character"
        }
    }
}

/// A name under which one may chat.
public struct ChatName: Hashable, Sendable {
    /// The name as it was given.
    public let text: String

    /// Checks a name: not empty, at most ``LineProtocol/nameBytesMax`` bytes, no line breaks or other control
    /// characters.
    public init(_ text: String) throws(ChatNameError) {
        guard !text.isEmpty else { throw .empty }
        guard text.utf8.count <= LineProtocol.nameBytesMax else { throw .tooLong }
        // U+2028 and U+2029 are line breaks that are no control characters.
        let breaks = text.unicodeScalars.contains {
            $0.properties.generalCategory == .control || $0.value == 0x2028 || $0.value == 0x2029
        }
        guard !breaks else { throw .controlCharacter }
        self.text = text
    }
}

/// Turns what is typed into what goes on the wire.
///
/// Bytes go in as they come; whole lines come out, so that those of two authors do not mix. It keeps at most one
/// unfinished line of ``LineProtocol/lineBytesMax`` bytes. Pure.
public struct LineEncoder {
    private let prefix: [UInt8]
    private var line: [UInt8] = []
    /// A part of the line has left already, because it is longer than the limit.
    private var isContinued = false

    /// True once the farewell was met; nothing is encoded after it.
    public private(set) var hasLeft = false

    /// An encoder for the lines of `name`.
    public init(name: ChatName) {
        prefix = Array("[\(name.text)] ".utf8)
    }

    /// Appends to `output` the lines that `input` completes.
    public mutating func encode(_ input: Span<UInt8>, into output: inout [UInt8]) {
        for index in input.indices where !hasLeft {
            let byte = input[index]
            if byte == UInt8(ascii: "\n") {
                endLine(into: &output)
            } else {
                line.append(byte)
                if line.count == LineProtocol.lineBytesMax { beginLine(into: &output) }
            }
        }
    }

    /// The input has ended: appends its last line, if that had no line break.
    public mutating func finish(into output: inout [UInt8]) {
        if !hasLeft, isContinued || !line.isEmpty { endLine(into: &output) }
    }

    private mutating func endLine(into output: inout [UInt8]) {
        if !isContinued, LineProtocol.isFarewell(line.span) {
            hasLeft = true
            return
        }
        beginLine(into: &output)
        output.append(UInt8(ascii: "\n"))
        isContinued = false
    }

    private mutating func beginLine(into output: inout [UInt8]) {
        if !isContinued { output += prefix }
        output += line
        line.removeAll(keepingCapacity: true)
        isContinued = true
    }
}
