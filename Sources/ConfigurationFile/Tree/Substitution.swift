/// `${NAME}` and `${NAME:-default}` in a value, and `$$` for a dollar sign.
///
/// It happens in the text of one value, after parsing: a variable cannot become structure, whatever is in it.
enum Substitution {
    struct Fault: Error {
        let reason: String
        init(_ reason: String) { self.reason = reason }
    }

    /// The text with its variables replaced; the error names the variable and the remedy.
    static func replace(_ text: String, _ variable: (String) -> String?) throws(Fault) -> String {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return text }
        var result = ""
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            switch rest.first {
            case "$":
                result += "$"
                rest = rest.dropFirst()
            case "{":
                guard let end = rest.firstIndex(of: "}") else {
                    throw Fault("'${' has no '}': write ${NAME} or ${NAME:-default}, and $$ for a dollar sign")
                }
                result += try value(rest[rest.index(after: rest.startIndex)..<end], variable)
                rest = rest[rest.index(after: end)...]
            default:
                throw Fault("'$' stands alone: write ${NAME} for a variable, and $$ for a dollar sign")
            }
            guard result.utf8.count <= FileLimits.textBytesMax else {
                throw Fault("with its variables it is longer than \(FileLimits.textBytesMax) bytes")
            }
        }
        return result + rest
    }

    private static func value(
        _ inner: Substring, _ variable: (String) -> String?
    ) throws(Fault) -> String {
        let separator = inner.firstRange(of: ":-")
        let name = separator.map { inner[..<$0.lowerBound] } ?? inner
        guard isName(name) else {
            throw Fault(
                "'${\(inner)}' names no variable: a name has letters, digits and '_', and a default comes after ':-'")
        }
        let value = variable(String(name))
        if let separator {
            let standard = inner[separator.upperBound...]
            guard !standard.contains("$") else {
                throw Fault("the default of ${\(name)} has a '$' in it: one variable cannot stand in another")
            }
            // As in a shell: an empty variable takes the default, too.
            return value.flatMap { $0.isEmpty ? nil : $0 } ?? String(standard)
        }
        guard let value else {
            throw Fault("the variable \(name) is not set: set it, or give a default as in ${\(name):-value}")
        }
        return value
    }

    private static func isName(_ text: Substring) -> Bool {
        guard let first = text.utf8.first else { return false }
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        return !digits.contains(first)
            && text.utf8.allSatisfy { byte in
                let isLetter = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                return isLetter || digits.contains(byte) || byte == UInt8(ascii: "_")
            }
    }
}
