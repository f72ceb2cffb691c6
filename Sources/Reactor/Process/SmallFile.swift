import Glibc

/// Small files: those in which the kernel tells about itself, in /proc and /sys, and the machine's settings in /etc.
public enum SmallFile {
    /// More than any file has that is read here, but for a list of mounts on a machine with thousands of containers.
    static let bytesMax = 1 << 20

    /// All of a file's text, of a longer one the first 1 MiB; nil when it cannot be read. Bytes that are no UTF-8 become
    /// U+FFFD.
    public static func text(_ path: String) -> String? {
        let number = kernel.open(path, flags: O_RDONLY)
        guard number >= 0 else { return nil }
        let file = FileDescriptor(owning: number)
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while text.count < bytesMax {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe kernel.read(file.rawValue, $0) }
            guard count > 0 else { return count == 0 ? String(decoding: text, as: UTF8.self) : nil }
            text += chunk[..<count]
        }
        return String(decoding: text, as: UTF8.self)
    }
}
