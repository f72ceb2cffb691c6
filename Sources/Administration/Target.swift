/// What a request is about: the parts of its path and its query, decoded.
struct Target: Hashable, Sendable {
    /// The parts of the path, without the slashes before them: `["v1", "status"]`; empty for `/`.
    var path: [String]
    /// The query's names and values in their order. A name without `=` has an empty value.
    var query: [Pair]

    /// A name and its value.
    struct Pair: Hashable, Sendable {
        /// The name.
        var name: String
        /// The value.
        var value: String
    }

    /// Takes a target apart. Paths are split before they are decoded, so that `%2F` stays in a name.
    ///
    /// Refused are other forms than `/path?query`, bytes that must be percent-encoded, wrong percent-encoding, what
    /// does not decode to UTF-8, control characters, and the parts `.`, `..` and empty ones.
    init(_ text: String) throws(Refused) {
        guard text.utf8.first == UInt8(ascii: "/") else {
            throw Refused(400, "The target \(text.quoted) is not a path: it begins with /, as in GET /v1/status.")
        }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw Refused(
                400, "The target has a byte that must be percent-encoded: only visible ASCII may stand there.")
        }
        guard !text.utf8.contains(UInt8(ascii: "#")) else {
            throw Refused(400, "The target has a fragment: a # in a name is written %23.")
        }
        let halves = text.utf8.split(separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
        path = try Self.path(halves[0].dropFirst())
        query = []
        for pair in halves.dropFirst().first?.split(separator: UInt8(ascii: "&")) ?? [] {
            let sides = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            query.append(
                Pair(
                    name: try Self.decoded(sides[0], isQuery: true),
                    value: sides.count > 1 ? try Self.decoded(sides[1], isQuery: true) : ""))
        }
    }

    private static func path(_ text: Substring.UTF8View.SubSequence) throws(Refused) -> [String] {
        guard !text.isEmpty else { return [] }
        var parts: [String] = []
        for part in text.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            let name = try decoded(part, isQuery: false)
            guard !name.isEmpty, name != ".", name != ".." else {
                throw Refused(400, "The path has a part that is empty, . or ..: write it out, as in /v1/status.")
            }
            parts.append(name)
        }
        return parts
    }

    /// Decodes `%41` to `A`, and in a query `+` to a space, as forms and browsers write it.
    private static func decoded(_ text: Substring.UTF8View.SubSequence, isQuery: Bool) throws(Refused) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var rest = text
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard let high = rest.popFirst()?.hexDigit, let low = rest.popFirst()?.hexDigit else {
                    throw Refused(
                        400, "A % is not followed by two hexadecimal digits: a % itself is written %25.")
                }
                bytes.append(high << 4 | low)
            } else {
                bytes.append(isQuery && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        guard let name = String(validating: bytes, as: UTF8.self) else {
            throw Refused(400, "The target does not decode to UTF-8.")
        }
        guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw Refused(400, "The target has a control character.")
        }
        return name
    }
}

extension UInt8 {
    /// The value of a hexadecimal digit in either case; nil of another character.
    var hexDigit: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension String {
    /// In quotation marks, without control characters and not longer than an error message may be.
    var quoted: String {
        let most = 80
        let shown = String(
            String.UnicodeScalarView(
                unicodeScalars.prefix(most).map { $0.value < 0x20 || $0.value == 0x7F ? "?" : $0 }))
        return unicodeScalars.count > most ? "\"\(shown)...\"" : "\"\(shown)\""
    }
}
