import Glibc
import Reactor

/// Finds programs on this machine and reads their versions.
package enum Programs {
    /// The path of a program: `name` itself if it has a slash, else found on PATH. nil when there is no such
    /// executable.
    package static func find(_ name: String) -> String? {
        if name.contains("/") { return isExecutable(name) ? name : nil }
        // Servers are installed in sbin folders, which a user's PATH often does not contain.
        let path = (unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? "") + ":/usr/sbin:/usr/local/sbin:/sbin"
        return path.split(separator: ":").map { "\($0)/\(name)" }.first(where: isExecutable)
    }

    private static func isExecutable(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
            && access(path, X_OK) == 0
    }

    /// Runs a program to its end, at most 10 s, and returns its output; nil when it failed.
    static func output(_ arguments: [String], in directory: TemporaryDirectory) -> String? {
        let file = directory.path("output")
        unsafe unlink(file)
        guard let child = try? Child(arguments, .init(output: file)) else { return nil }
        guard child.wait(.seconds(10)) else {
            child.end()
            return nil
        }
        return child.status == 0 ? Proc.text(file) : nil
    }

    /// The version in a program's output for `-v` or `--version`: the first word that begins with two numbers separated
    /// by a dot, after the word `version` if there is one, because paths may contain numbers too.
    static func version(in text: String) -> String? {
        let start = text.firstRange(of: "version:") ?? text.firstRange(of: "version ")
        let rest = start.map { text[$0.upperBound...] } ?? text[...]
        for word in rest.split(whereSeparator: { " \n/,()".contains($0) }) {
            let parts = word.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count >= 2, let first = parts.first, first.allSatisfy({ $0.isASCII && $0.isNumber }),
                !first.isEmpty, parts[1].first?.isNumber == true
            else { continue }
            return String(word)
        }
        return nil
    }
}

/// A temporary directory for the run's files, removed at the end of the run.
package final class TemporaryDirectory {
    private let root: String

    package init() throws(SystemCallError) {
        let base = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        let template = "\(base)/balancer-benchmark.XXXXXX"
        var name = Array(template.utf8CString)
        let made = unsafe name.withUnsafeMutableBufferPointer { buffer in
            unsafe buffer.baseAddress.map { unsafe mkdtemp($0) != nil } ?? false
        }
        guard made else { throw SystemCallError(call: "mkdtemp", subject: template, errno: Errno(rawValue: errno)) }
        root = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The path of a file in the directory.
    package func path(_ name: String) -> String { "\(root)/\(name)" }

    /// The path of the directory.
    package var path: String { root }

    /// Removes the directory and its contents.
    package func remove() { Self.remove(root) }

    private static func remove(_ path: String) {
        for name in Proc.names(in: path) {
            let inner = "\(path)/\(name)"
            if unsafe unlink(inner) != 0 { remove(inner) }
        }
        unsafe rmdir(path)
    }

    /// Writes a file in the directory and returns its path.
    package func write(_ text: String, to name: String) throws(SystemCallError) -> String {
        let path = path(name)
        try TextFile.write(text, to: path)
        return path
    }
}
