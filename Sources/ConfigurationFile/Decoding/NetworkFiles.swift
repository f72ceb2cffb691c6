import Balancer
import Wording

/// The files of networks that listeners name, each read once.
struct NetworkFiles {
    /// The networks of each file, by its path.
    private(set) var networks: [String: [Network]] = [:]
    /// The files in the order in which they were read.
    private(set) var files: [NetworkFile] = []
    private var seen: Set<String> = []
    private var bytesLeft = FileLimits.networkFilesBytesMax

    /// The keys of a listener that may name such files.
    static let keys = ["allow", "deny"]

    private static let terms = FileReader.Terms(
        mustBeRegular: true, bytesMax: FileLimits.networkFileBytesMax,
        remedy: "which is too much for a file of networks")

    /// Reads the files that a listener names and that were not read yet.
    mutating func add(of listener: Value.Named, _ read: Loader.Read, _ mistakes: inout MistakeList) {
        for key in Self.keys {
            for (index, found) in listener.fields.list(key).enumerated() {
                guard let path = found.networkFile, let place = found.fieldPlace("file") else { continue }
                let isAlone = listener.fields.list(key).count == 1
                let way = Path.top.key("listeners").key(listener.name).key(key)
                guard seen.insert(path).inserted else { continue }
                let stamp = FileStamp(path)
                do throws(FileReader.Fault) {
                    let bytes = try read(path, Self.terms)
                    bytesLeft -= bytes.count
                    guard bytesLeft >= 0 else {
                        throw FileReader.Fault(
                            "up to here all files of networks together have more than "
                                + "\(FileLimits.networkFilesBytesMax >> 20) MiB")
                    }
                    var lines = NetworkLines(file: path, bytes)
                    networks[path] = lines.read(&mistakes)
                    files.append(NetworkFile(path: path, stamp: stamp))
                } catch {
                    let way = (isAlone ? way : way.element(index)).key("file")
                    mistakes.add(place, way, "'\(path)': \(error.reason)")
                }
            }
        }
    }

    /// The networks of a list, those of its files in their place.
    func networks(_ list: [Value.Found]) -> [Network] {
        list.flatMap { found -> [Network] in
            if case .network(let network) = found.value { return [network] }
            return found.networkFile.flatMap { networks[$0] } ?? []
        }
    }
}

extension Value.Found {
    /// Of an element of a list of networks: the path of its file.
    fileprivate var networkFile: String? {
        if case .fields(let fields) = value { fields.path("file") } else { nil }
    }

    fileprivate func fieldPlace(_ key: String) -> Place? {
        if case .fields(let fields) = value { fields.place(of: key) } else { nil }
    }
}

extension Fields {
    /// The path that stands at a key, relative to the folder of the file in which it stands.
    func path(_ key: String) -> String? {
        guard let path = text(key) else { return nil }
        let folder = self[key]?.origin.place.map { FileReader.folder(of: $0.file) } ?? ""
        return path.hasPrefix("/") ? path : folder + path
    }
}

/// The lines of a file of networks. There may be a million, so nothing is kept of those that are right.
private struct NetworkLines {
    private let file: String
    private let bytes: [UInt8]
    private var mistakesLeft = FileLimits.networkMistakesMax

    init(file: String, _ bytes: [UInt8]) {
        self.file = file
        self.bytes = bytes
    }

    /// The networks; mistakes are reported.
    mutating func read(_ mistakes: inout MistakeList) -> [Network] {
        mistakes.add(known: file)
        if let fault = SourceText.wrongEncoding(bytes) {
            mistakes.add(fault, in: file)
            return []
        }
        var networks: [Network] = []
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        var rest = bytes.starts(with: mark) ? bytes[mark.count...] : bytes[...]
        var number = 0
        while !rest.isEmpty, mistakesLeft > 0 {
            number += 1
            let line = rest.prefix { $0 != UInt8(ascii: "\n") }
            rest = rest[line.endIndex...].dropFirst()
            let text = Self.trimmed(line.prefix { $0 != UInt8(ascii: "#") })
            guard !text.isEmpty else { continue }
            do throws(ArgumentFault) {
                guard networks.count < Limits.networksMax else {
                    mistakesLeft = 0
                    throw ArgumentFault("up to here there are \(Limits.networksMax) networks: no file has more")
                }
                networks.append(try Self.network(text))
            } catch {
                mistakesLeft -= 1
                // Before it there are spaces and tabs only.
                let place = Place(file: file, line: number, column: text.startIndex - line.startIndex + 1)
                mistakes.add(place, error.description, in: Self.shown(line))
            }
        }
        return networks
    }

    private static func network(_ bytes: ArraySlice<UInt8>) throws(ArgumentFault) -> Network {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ArgumentFault("not UTF-8 text: \(TextForm.network.needed) is needed")
        }
        do throws(ArgumentFault) {
            guard !text.contains(where: { $0.isWhitespace || ",;".contains($0) }) else {
                throw ArgumentFault("a line has one network, and a comment begins with '#'")
            }
            return try PrefaceForms.network(text)
        } catch {
            throw ArgumentFault("'\(text)': \(error.description)")
        }
    }

    private static func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == 0x0D }
        let text = line.drop(while: isBlank)
        return text.lastIndex { !isBlank($0) }.map { text[...$0] } ?? []
    }

    /// A line as scalars; more than fits a terminal is left out.
    private static func shown(_ line: ArraySlice<UInt8>) -> [Unicode.Scalar] {
        Array(String(decoding: line.prefix(FileLimits.textBytesMax), as: UTF8.self).unicodeScalars)
    }
}
