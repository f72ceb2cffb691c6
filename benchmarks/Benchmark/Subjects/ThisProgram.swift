import Glibc

/// The running program, which is also the load generator and the origin.
public enum ThisProgram {
    /// The path of its executable.
    public static var path: String {
        var path = [CChar](repeating: 0, count: 4097)
        let count = unsafe readlink("/proc/self/exe", &path, 4096)
        guard count > 0 else { return "/proc/self/exe" }
        return String(decoding: path[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The path of a program in the same directory.
    public static func sibling(_ name: String) -> String {
        guard let end = path.lastIndex(of: "/") else { return name }
        return "\(path[...end])\(name)"
    }
}
