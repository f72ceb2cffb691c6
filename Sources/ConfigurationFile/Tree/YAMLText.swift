import Yams

/// The tree that a YAML text is, as the library composes it.
///
/// The library stops at the first key that stands twice. So that all of them are found with everything else, the first of
/// the two is renamed in the text, and the text composed once more: one scalar of it is replaced, so that no place moves.
struct YAMLText {
    /// The root; nil when the file is empty, or has a mistake that is reported already.
    private(set) var root: Yams.Node?
    /// Where a key was renamed, and which scalar stood there.
    private var renamed: [Position: (scalar: Unicode.Scalar, stands: Unicode.Scalar)] = [:]

    private struct Position: Hashable {
        let line: Int
        let column: Int
    }

    /// Scalars of the private use area, which no key has.
    private static let firstMarker: UInt32 = 0xE000

    init(_ source: SourceText, _ mistakes: inout MistakeList) {
        if let place = ComplexKeys.find(in: source) {
            mistakes.add(
                place, .top,
                "a key that is more than a word, in a file with more than \(FileLimits.aliasesMax) aliases: "
                    + "write keys as words")
            return
        }
        var lines = source.lines
        var bytesLeft = FileLimits.bytesInAllMax
        while true {
            var text = String.UnicodeScalarView()
            for line in lines {
                text.append(contentsOf: line)
                text.append("\n")
            }
            bytesLeft -= source.text.utf8.count
            do {
                root = try Yams.compose(yaml: String(text), .basic, .default, .utf8)
                return
            } catch let error as YamlError {
                if case .duplicatedKeysInMapping(let names, let context) = error {
                    let position = Position(line: context.mark.line, column: context.mark.column)
                    if bytesLeft > 0, renamed.count < FileLimits.duplicatesMax, rename(position, in: &lines) {
                        continue
                    }
                    let place = Place(file: source.file, line: position.line, column: position.column)
                    let name = names.first.map(restored) ?? ""
                    let remedy = name == "<<" ? "write '<<: [*one, *other]'" : "leave one of them out"
                    mistakes.add(place, .top, "'\(name)' stands twice in the same map: \(remedy)")
                } else {
                    SyntaxMistake.report(error, in: source, &mistakes)
                }
            } catch {
                mistakes.add(file: source.file, "it cannot be parsed: \(error)")
            }
            return
        }
    }

    /// The key's own name, if it was renamed.
    func name(_ key: String, line: Int, column: Int) -> String {
        for place in [column, column + 1] {
            guard let change = renamed[Position(line: line, column: place)], key.unicodeScalars.first == change.stands
            else { continue }
            return String(String.UnicodeScalarView([change.scalar])) + String(key.unicodeScalars.dropFirst())
        }
        return key
    }

    /// A name of the library's error, in which any scalar may have been replaced.
    private func restored(_ key: String) -> String {
        guard let change = renamed.values.first(where: { $0.stands == key.unicodeScalars.first }) else { return key }
        return String(String.UnicodeScalarView([change.scalar])) + String(key.unicodeScalars.dropFirst())
    }

    /// Renames the key at a position. False when it was renamed already, which happens through an alias, or begins with
    /// what is no letter of its name.
    private mutating func rename(_ position: Position, in lines: inout [[Unicode.Scalar]]) -> Bool {
        let row = position.line - 1
        guard lines.indices.contains(row) else { return false }
        var column = position.column - 1
        guard lines[row].indices.contains(column) else { return false }
        if lines[row][column] == "\"" || lines[row][column] == "'" { column += 1 }
        let place = Position(line: position.line, column: column + 1)
        guard lines[row].indices.contains(column), renamed[place] == nil,
            case let scalar = lines[row][column], scalar.properties.isAlphabetic || ("0"..."9").contains(scalar),
            let marker = Unicode.Scalar(Self.firstMarker + UInt32(renamed.count))
        else { return false }
        lines[row][column] = marker
        renamed[place] = (scalar, marker)
        return true
    }
}
