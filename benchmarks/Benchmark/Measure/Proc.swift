import Glibc

/// Reads files of proc(5) about processes and the machine.
enum Proc {
    /// Larger than any file that is read here, including reports.
    private static let bytesMax = 64 << 20

    /// The file's text; nil when it cannot be opened, for instance because its process has ended.
    static func text(_ path: String) -> String? {
        let number = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard number >= 0 else { return nil }
        defer { close(number) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 * 1024)
        while bytes.count < bytesMax {
            let count = unsafe piece.withUnsafeMutableBytes { unsafe read(number, $0.baseAddress, $0.count) }
            guard count > 0 else { break }
            bytes += piece[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The names in a directory; empty when it cannot be read.
    static func names(in path: String) -> [String] {
        guard let directory = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// The first number after `name` in a file of lines such as `VmRSS:    1234 kB`.
    static func number(after name: String, in text: String) -> Int? {
        for line in text.split(separator: "\n") where line.hasPrefix(name) {
            let digits = line.dropFirst(name.count).drop { !$0.isNumber }.prefix { $0.isNumber }
            return Int(digits)
        }
        return nil
    }

    /// The processes `roots` and all their descendants at this moment.
    static func tree(_ roots: [Int32]) -> [Int32] {
        guard !roots.isEmpty else { return [] }
        var parents: [(process: Int32, parent: Int32)] = []
        for name in names(in: "/proc") {
            guard let process = Int32(name), let stat = text("/proc/\(process)/stat"),
                let parent = parent(inStat: stat)
            else { continue }
            parents.append((process, parent))
        }
        var found = roots
        var place = 0
        while place < found.count {
            let process = found[place]
            for child in parents where child.parent == process && !found.contains(child.process) {
                found.append(child.process)
            }
            place += 1
        }
        return found
    }

    /// The parent's process id: the fourth field of /proc/PID/stat. The second field, the name, may contain spaces and
    /// parentheses; the last closing parenthesis ends it.
    static func parent(inStat stat: String) -> Int32? {
        guard let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        return fields.count > 1 ? Int32(fields[1]) : nil
    }
}
