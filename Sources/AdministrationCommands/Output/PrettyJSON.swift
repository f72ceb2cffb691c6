/// JSON with line breaks and indentation, for people. Values and their order stay as they were sent.
enum PrettyJSON {
    private static let step = "  "

    /// The text; what is no JSON comes out in some other form, and nothing of it is lost but space between values.
    static func text(_ json: [UInt8]) -> String {
        var output: [UInt8] = []
        output.reserveCapacity(json.count * 2)
        var depth = 0
        var isInString = false
        var isEscaped = false
        func breakLine() {
            output.append(UInt8(ascii: "\n"))
            for _ in 0..<max(depth, 0) { output += step.utf8 }
        }
        for (place, byte) in json.enumerated() {
            if isInString {
                output.append(byte)
                isInString = isEscaped || byte != UInt8(ascii: "\"")
                isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
                continue
            }
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): break
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                output.append(byte)
                depth += 1
                if !isEnd(next(in: json, after: place)) { breakLine() }
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if let last = output.last, last != UInt8(ascii: "{"), last != UInt8(ascii: "[") { breakLine() }
                output.append(byte)
            case UInt8(ascii: ","):
                output.append(byte)
                breakLine()
            case UInt8(ascii: ":"): output += ": ".utf8
            default:
                isInString = byte == UInt8(ascii: "\"")
                output.append(byte)
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    private static func isEnd(_ byte: UInt8?) -> Bool { byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") }

    /// The next byte that is not white space.
    private static func next(in json: [UInt8], after place: Int) -> UInt8? {
        json[(place + 1)...].first { ![0x20, 0x0A, 0x0D, 0x09].contains($0) }
    }
}
