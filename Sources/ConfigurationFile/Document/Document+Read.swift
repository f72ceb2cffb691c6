/// Reads a file and those that it includes.
struct Loader {
    private var mistakes = MistakeList()
    private let surroundings: Surroundings
    private var valuesLeft = FileLimits.valuesMax
    private var bytesLeft = FileLimits.bytesInAllMax
    private let read: Read

    /// Reads a file.
    typealias Read = (String, FileReader.Terms) throws(FileReader.Fault) -> [UInt8]

    /// A loader of files; tests read them from elsewhere.
    init(_ surroundings: Surroundings, read: @escaping Read = FileReader.read) {
        self.surroundings = surroundings
        self.read = read
    }

    mutating func load(_ path: String) throws(Mistakes) -> Document {
        guard let root = tree(path) else { throw mistakes.sorted }
        if case .nothing = root.content {
            mistakes.add(file: path, Self.emptyReason)
            throw mistakes.sorted
        }
        var decoder = Decoder(mistakes, surroundings)
        let main = decoder.main(root)
        mistakes = decoder.mistakes
        var listeners = main.named("listeners")
        var pools = main.named("pools")
        var isComplete = true
        for (place, file) in included(main, by: path) {
            guard let root = tree(file, from: place) else {
                isComplete = false
                continue
            }
            if case .nothing = root.content { continue }
            decoder.mistakes = mistakes
            let fields = decoder.included(root)
            mistakes = decoder.mistakes
            listeners += fields.named("listeners")
            pools += fields.named("pools")
        }
        var networks = NetworkFiles()
        for listener in listeners { networks.add(of: listener, read, &mistakes) }
        Checks.run(main, listeners: listeners, pools: pools, isComplete: isComplete, &mistakes)
        guard mistakes.isEmpty else { throw mistakes.sorted }
        do throws(MissingKey) {
            return try Document(file: path, main, listeners: listeners, pools: pools, networks, mistakes)
        } catch {
            mistakes.add(file: path, "this program lacks the key '\(error.name)': please report it")
            throw mistakes.sorted
        }
    }

    private static let emptyReason = "the file is empty: it needs 'listeners' and 'pools'"

    /// The tree of a file; nil when it cannot be read, which is reported then: at the place that names it, if there is one.
    private mutating func tree(_ file: String, from place: Place? = nil) -> Node? {
        let bytes: [UInt8]
        do throws(FileReader.Fault) {
            bytes = try read(file, .init(mustBeRegular: place != nil))
        } catch {
            if let place {
                mistakes.add(place, Path.top.key("include"), "'\(file)': \(error.reason)")
            } else {
                mistakes.add(file: file, error.reason)
            }
            return nil
        }
        bytesLeft -= bytes.count
        guard bytesLeft >= 0 else {
            mistakes.add(
                file: file, "up to here all files together have more than \(FileLimits.bytesInAllMax >> 20) MiB")
            return nil
        }
        let source: SourceText
        do throws(SourceText.Fault) {
            source = try SourceText(file: file, bytes: bytes)
        } catch {
            mistakes.add(error, in: file)
            return nil
        }
        let before = mistakes.isEmpty
        let tree = TreeBuilder.tree(source, valuesLeft: &valuesLeft, variable: surroundings.variable, &mistakes)
        if let tree { return tree }
        // Without a mistake there is nothing in it: a comment at most.
        guard before, mistakes.isEmpty else { return nil }
        return Node(place: Place(file: file, line: 1, column: 1), content: .nothing)
    }

    /// The files that `include` names, each with the place that names it.
    private mutating func included(_ main: Fields, by path: String) -> [(Place, String)] {
        var files: [(Place, String)] = []
        var seen: Set<String> = [path]
        for found in main.list("include") {
            guard case .text(let pattern) = found.value, let place = found.origin.place else { continue }
            do throws(FileReader.Fault) {
                let folder = FileReader.folder(of: path)
                let names =
                    FileReader.isPattern(pattern)
                    ? try FileReader.files(matching: pattern, in: folder)
                    : [pattern.hasPrefix("/") ? pattern : folder + pattern]
                for name in names {
                    guard seen.insert(name).inserted else {
                        let what = name == path ? "the file itself" : "a file that is included already"
                        throw FileReader.Fault("'\(name)' is \(what): name each file once")
                    }
                    files.append((place, name))
                }
            } catch {
                mistakes.add(place, Path.top.key("include"), error.reason)
            }
        }
        guard files.count <= FileLimits.filesMax else {
            mistakes.add(
                files[0].0, Path.top.key("include"), "\(files.count) files: at most \(FileLimits.filesMax)")
            return []
        }
        return files
    }
}

extension Document {
    /// Reads a file and those that it includes, and checks them. The error has all mistakes of all files.
    ///
    /// - Parameter mustBeRegular: Pipes and devices are mistakes: to open a pipe would wait for its writer.
    public static func read(
        _ path: String, surroundings: Surroundings = .process, mustBeRegular: Bool = false
    ) throws(Mistakes) -> Document {
        var loader = Loader(surroundings) { path, terms throws(FileReader.Fault) in
            var terms = terms
            terms.mustBeRegular = terms.mustBeRegular || mustBeRegular
            return try FileReader.read(path, terms)
        }
        return try loader.load(path)
    }
}
