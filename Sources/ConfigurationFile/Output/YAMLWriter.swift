/// Text as YAML.
enum YAMLWriter {
    /// A value that a configuration file reads as this text: in quotes where YAML would read something else without, and
    /// with `$$` for a dollar sign, which would begin a variable.
    static func quoted(_ text: String) -> String { isPlain(text) ? text : string(text.replacing("$", with: "$$")) }

    /// A key: it has no variables.
    static func key(_ text: String) -> String { isPlain(text) ? text : string(text) }

    private static func isPlain(_ text: String) -> Bool {
        !text.isEmpty && !["~", "null", "Null", "NULL", "true", "false"].contains(text) && text.first != "-"
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"),
                    UInt8(ascii: "/"):
                    true
                default: false
                }
            }
    }

    /// A text in single quotes, in which a backslash stands for itself. For printable ASCII.
    static func singleQuoted(_ text: String) -> String {
        "'" + text.replacing("'", with: "''").replacing("$", with: "$$") + "'"
    }

    /// A text in double quotes, as JSON and YAML both read it.
    static func string(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value):
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
