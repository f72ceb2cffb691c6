import Balancer
import Reactor

/// A file with a list of backends alone, from which a pool is discovered.
public enum BackendList {
    /// Reads such a file; an empty one, or an empty list, has no backends. The error has all mistakes.
    ///
    /// - Parameter family: Of which family an address is taken when a backend is a name with addresses of both.
    public static func read(
        _ path: String, preferring family: CInt, surroundings: Surroundings = .process
    ) throws(Mistakes) -> [Configuration.Backend] {
        let bytes: [UInt8]
        do throws(FileReader.Fault) {
            bytes = try FileReader.read(path, .init(mustBeRegular: true))
        } catch {
            var mistakes = MistakeList()
            mistakes.add(file: path, error.reason)
            throw mistakes.sorted
        }
        return try backends(of: bytes, file: path, preferring: family, surroundings)
    }

    private static func backends(
        of bytes: [UInt8], file: String, preferring family: CInt, _ surroundings: Surroundings
    ) throws(Mistakes) -> [Configuration.Backend] {
        var mistakes = MistakeList()
        var valuesLeft = FileLimits.valuesMax
        let source: SourceText
        do throws(SourceText.Fault) {
            source = try SourceText(file: file, bytes: bytes)
        } catch {
            mistakes.add(error, in: file)
            throw mistakes.sorted
        }
        let tree = TreeBuilder.tree(source, valuesLeft: &valuesLeft, variable: surroundings.variable, &mistakes)
        guard let tree, !tree.isEmptyList else {
            guard mistakes.isEmpty else { throw mistakes.sorted }
            return []
        }
        var decoder = Decoder(mistakes, surroundings)
        let found = decoder.value(tree, Section.listedBackends, .top, at: tree.place, base: nil)
        mistakes = decoder.mistakes
        guard case .list(let list)? = found?.value else { throw mistakes.sorted }
        Checks.backends(list, .top, besides: [], &mistakes)
        guard mistakes.isEmpty else { throw mistakes.sorted }
        do throws(MissingKey) {
            var backends: [Configuration.Backend] = []
            for found in list { backends.append(try Document.Backend(found).setting(preferring: family)) }
            return backends
        } catch {
            mistakes.add(file: file, "this program lacks the key '\(error.name)': please report it")
            throw mistakes.sorted
        }
    }
}

extension Node {
    fileprivate var isEmptyList: Bool {
        switch content {
        case .list(let nodes): nodes.isEmpty
        case .nothing: true
        default: false
        }
    }
}
