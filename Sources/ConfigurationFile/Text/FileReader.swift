import Glibc
import Reactor

/// Reads files, and finds those that a pattern names.
enum FileReader {
    /// Why a file cannot be read, and what to do about it.
    struct Fault: Error {
        let reason: String
        init(_ reason: String) { self.reason = reason }
    }

    private static let chunkBytes = 64 << 10

    /// What a file must be.
    struct Terms {
        /// To open a pipe would wait for its writer: so it is for what a pattern finds, and what is read while sessions
        /// live.
        var mustBeRegular = false
        /// The most bytes.
        var bytesMax = FileLimits.bytesMax
        /// What to do about a larger one.
        var remedy = "which no configuration is: divide it with 'include'"
    }

    /// The bytes of a file, a pipe or a device.
    static func read(_ path: String, _ terms: Terms = Terms()) throws(Fault) -> [UInt8] {
        let mustBeRegular = terms.mustBeRegular
        guard !path.isEmpty, !path.utf8.contains(0) else { throw Fault("this is no path of a file") }
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (mustBeRegular ? O_NONBLOCK : 0))
        guard descriptor >= 0 else { throw Fault(explain(errno)) }
        defer { close(descriptor) }
        if mustBeRegular {
            var status = stat()
            guard unsafe fstat(descriptor, &status) == 0 else { throw Fault(explain(errno)) }
            guard status.st_mode & S_IFMT != S_IFDIR else { throw Fault(explain(EISDIR)) }
            guard status.st_mode & S_IFMT == S_IFREG else { throw Fault("it is no file, but a pipe, socket or device") }
        }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: chunkBytes)
        while true {
            let count = unsafe Glibc.read(descriptor, &buffer, chunkBytes)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Fault(explain(errno)) }
            guard count > 0 else { return bytes }
            bytes += buffer[..<count]
            guard bytes.count <= terms.bytesMax else {
                throw Fault("larger than \(terms.bytesMax >> 20) MiB, \(terms.remedy)")
            }
        }
    }

    /// True when the pattern has a character with which it may name several files.
    static func isPattern(_ path: String) -> Bool { path.contains { "*?[".contains($0) } }

    /// The files that a pattern names, sorted. `folder` stands before it, unless it begins at the root.
    static func files(matching pattern: String, in folder: String) throws(Fault) -> [String] {
        let full = pattern.hasPrefix("/") ? pattern : escape(folder) + pattern
        guard !full.utf8.contains(0) else { throw Fault("this is no path of a file") }
        if let place = unreadableFolder(of: full) {
            throw Fault("the folder \(place) cannot be read: \(explain(EACCES))")
        }
        var found = unsafe glob_t()
        defer { unsafe globfree(&found) }
        let result = unsafe glob(full, 0, nil, &found)
        guard result == 0 || result == GLOB_NOMATCH else { throw Fault("the files cannot be listed") }
        guard result == 0 else { return [] }
        var paths: [String] = []
        for index in 0..<Int(unsafe found.gl_pathc) {
            if let path = unsafe found.gl_pathv[index] { paths.append(unsafe String(cString: path)) }
        }
        return paths.sorted()
    }

    /// The folder of a path with its closing slash; empty for a file in the current one.
    static func folder(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    }

    /// glob(3) finds nothing in a folder that it may not read, and says nothing.
    private static func unreadableFolder(of pattern: String) -> String? {
        let folder = folder(of: pattern)
        guard !folder.isEmpty, !isPattern(folder) else { return nil }
        return unsafe access(folder, R_OK) != 0 && errno == EACCES ? folder : nil
    }

    /// A folder's name may have the characters of a pattern in it.
    private static func escape(_ folder: String) -> String {
        String(folder.flatMap { "*?[\\".contains($0) ? ["\\", $0] : [$0] })
    }

    private static func explain(_ number: CInt) -> String {
        switch number {
        case ENOENT: "there is no such file"
        case EISDIR: "it is a folder: name a file in it"
        case ENOTDIR: "a part of its path is no folder"
        case EACCES, EPERM: "this user may not read it (`ls -l` shows who may)"
        case ELOOP: "its symbolic links lead in a circle"
        case ENAMETOOLONG: "the path is too long"
        default: "it cannot be read: \(Errno(rawValue: number))"
        }
    }
}
