/// Keys that are lists, maps or aliases.
///
/// To compare such a key, the library walks through everything that its aliases stand for: with aliases of aliases that is
/// more than a life takes. A file with few aliases cannot ask for much, and one with many has no use for such keys.
enum ComplexKeys {
    /// The place of something that may be such a key, in a file with more than ``FileLimits/aliasesMax`` aliases; nil in
    /// others. It does not know where a block of text or a comment begins, and takes their words for YAML.
    static func find(in source: SourceText) -> Place? {
        var aliases = 0
        var found: Place?
        for (row, line) in source.lines.enumerated() {
            for column in line.indices {
                let isStart = column == 0 || " \t[{,".unicodeScalars.contains(line[column - 1])
                var isKey = false
                switch line[column] {
                case "*" where isStart:
                    let name = line[(column + 1)...].prefix {
                        $0.properties.isAlphabetic || $0 == "_" || $0 == "-" || $0.properties.numericType != nil
                    }
                    guard !name.isEmpty else { continue }
                    aliases += 1
                    isKey = isColon(line[name.endIndex...])
                case "?":
                    isKey = isStart && (column + 1 == line.count || " \t".unicodeScalars.contains(line[column + 1]))
                case "]", "}":
                    isKey = isColon(line[(column + 1)...])
                default: continue
                }
                if isKey, found == nil { found = Place(file: source.file, line: row + 1, column: column + 1) }
            }
        }
        return aliases > FileLimits.aliasesMax ? found : nil
    }

    private static func isColon(_ rest: ArraySlice<Unicode.Scalar>) -> Bool {
        rest.first { !" \t".unicodeScalars.contains($0) } == ":"
    }
}
