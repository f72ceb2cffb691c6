import Balancer
import Glibc
import Reactor
import Testing

@testable import ConfigurationFile

/// Where the files of these tests are.
enum Folders {
    private static let tests = FileReader.folder(of: #filePath)
    static let wrong = tests + "Wrong/"
    static let right = tests + "Right/"
    static let package = tests + "../../"
    static let examples = package + "examples/"

    /// The files of a folder that end with `.yaml`, by their names.
    static func files(_ folder: String) -> [String] {
        let files = try? FileReader.files(matching: "*.yaml", in: folder)
        return (files ?? []).map { String($0.dropFirst(folder.count)) }
    }

    /// With REWRITE in the environment tests write what they expect. To be read before it is committed.
    static let isRewriting = Environment.value("REWRITE") != nil

    static func text(_ path: String) throws -> String {
        String(decoding: try FileReader.read(path), as: UTF8.self)
    }

    static func write(_ text: String, to path: String) {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        _ = unsafe text.utf8.withContiguousStorageIfAvailable {
            unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
        }
        close(descriptor)
    }
}

extension Surroundings {
    /// A machine with one user and one group, and few variables.
    static let staged = Surroundings(
        variable: { name in
            ["PORT": "5432", "HOST": "10.0.0.7", "EMPTY": "", "STRUCTURE": "a: [1, 2]\n- b", "DOLLAR": "${PORT}"][name]
        },
        user: { $0 == "www-data" ? 33 : nil }, group: { $0 == "www-data" ? 33 : nil })
}

extension Resources {
    /// Enough for everything, and no sockets to check.
    static let staged = Resources(descriptors: 65536, memory: [])
}

extension Document {
    /// The file of networks that `Right` has, and the examples name.
    static let standingFiles = ["networks.txt": "10.0.0.0/8 # ours\n", "/etc/balancer/deny.txt": "10.6.6.6\n"]

    /// Reads a text as a file, with other files beside it.
    static func read(
        text: String, besides files: [String: String] = standingFiles, surroundings: Surroundings = .staged
    ) throws(Mistakes) -> Document {
        try read(bytes: Array(text.utf8), besides: files, surroundings: surroundings)
    }

    static func read(
        bytes: [UInt8], besides files: [String: String] = standingFiles, surroundings: Surroundings = .staged
    ) throws(Mistakes) -> Document {
        var loader = Loader(surroundings) { path, _ throws(FileReader.Fault) in
            if path == "balancer.yaml" { return bytes }
            guard let text = files[path] else { throw FileReader.Fault("there is no such file") }
            return Array(text.utf8)
        }
        return try loader.load("balancer.yaml")
    }

    /// The lines of all mistakes in a text; empty when it has none.
    static func mistakes(
        in text: String, besides files: [String: String] = [:], surroundings: Surroundings = .staged
    ) -> [String] {
        do throws(Mistakes) {
            _ = try read(text: text, besides: files, surroundings: surroundings)
            return []
        } catch {
            return error.list.map(\.headline)
        }
    }
}

/// The smallest file, with more lines for its pool.
func small(_ pool: String = "", listener: String = "", top: String = "") -> String {
    """
    \(top)
    listeners:
      web:
        bind: "127.0.0.1:8000"
        pool: web
    \(listener)
    pools:
      web:
        backends: ["127.0.0.1:8001"]
    \(pool)
    """
}
