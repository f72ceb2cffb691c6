import Glibc
import Reactor

/// Tells when something has changed in the folders of files: inotify(7).
///
/// Whoever waits looks at its files: what has changed is only told for ``FileChanges``, which wants to know whether a
/// file is complete. So a file that is replaced by rename, written in place, removed, or reached through a symbolic
/// link in the folder that is exchanged (as Kubernetes does with the files of a ConfigMap) are one case.
///
/// Unchecked `Sendable`: what changes is only accessed with the lock held, and the kernel takes calls of several
/// threads.
final class FolderWatch: @unchecked Sendable {
    /// Readable when something has changed.
    let descriptor: FileDescriptor
    private let lock = Lock()
    /// The watches that the folders of each file have.
    private var watches: [String: Set<CInt>] = [:]

    /// What a change of a file can be. Not IN_MODIFY: a file that is being written is read when it is closed. IN_CREATE
    /// is of symbolic and hard links, which are complete at once.
    private static let changes =
        UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO) | UInt32(IN_MOVED_FROM) | UInt32(IN_CREATE) | UInt32(IN_DELETE)
        | UInt32(IN_DELETE_SELF) | UInt32(IN_MOVE_SELF) | UInt32(IN_ATTRIB)

    /// Fails when the user has as many of them as `fs.inotify.max_user_instances` allows.
    init() throws(SystemCallError) {
        let number = inotify_init1(CInt(IN_CLOEXEC) | CInt(IN_NONBLOCK))
        guard number >= 0 else {
            throw SystemCallError(call: "inotify_init1", errno: Errno(rawValue: errno))
        }
        descriptor = FileDescriptor(owning: number)
    }

    /// Watches the folder of a file, and that of the file that it leads to. To be called before each look at the file,
    /// since folders come and go; a folder that is watched already stays so. It may block, as a look does.
    ///
    /// Returns why the first of them cannot be watched; nil when both are, or the folder does not exist.
    func watch(file: String) -> Errno? {
        var own: Set<CInt> = []
        var failure: Errno?
        for folder in Set([Self.folder(of: file), Self.target(of: file).map(Self.folder)].compactMap(\.self)) {
            let watch = unsafe inotify_add_watch(descriptor.rawValue, folder, Self.changes | UInt32(IN_ONLYDIR))
            if watch >= 0 {
                own.insert(watch)
            } else if errno != ENOENT, errno != ENOTDIR {
                failure = failure ?? Errno(rawValue: errno)
            }
        }
        set(own, of: file)
        return failure
    }

    /// Watches the folders of these files only.
    func keep(_ files: Set<String>) {
        for file in currentFiles().subtracting(files) { set([], of: file) }
    }

    /// What has happened in a folder that is watched.
    struct Change: Hashable, Sendable {
        /// The bits of inotify(7).
        let what: UInt32
        /// The name in the folder; empty for the folder itself.
        let name: String
    }

    /// Takes what has been reported.
    @discardableResult func drain() -> [Change] {
        var changes: [Change] = []
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while case let count = unsafe read(descriptor.rawValue, &buffer, buffer.count), count > 0 {
            changes += Self.changes(in: buffer[..<count])
        }
        return changes
    }

    /// Events as the kernel writes them: four numbers of 32 bits (watch, mask, cookie, bytes of the name), and the name
    /// with zeros behind it. Source: inotify(7).
    private static func changes(in bytes: ArraySlice<UInt8>) -> [Change] {
        func number(_ start: Int) -> UInt32 {
            unsafe bytes.withUnsafeBytes {
                unsafe $0.loadUnaligned(fromByteOffset: start - bytes.startIndex, as: UInt32.self)
            }
        }
        var changes: [Change] = []
        var rest = bytes
        while rest.count >= headBytes {
            let nameStart = rest.startIndex + headBytes
            let end = nameStart + Int(number(rest.startIndex + 12))
            guard end <= rest.endIndex else { break }
            let name = bytes[nameStart..<end].prefix { $0 != 0 }
            changes.append(Change(what: number(rest.startIndex + 4), name: String(decoding: name, as: UTF8.self)))
            rest = rest[end...]
        }
        return changes
    }

    private static let headBytes = 16

    private func currentFiles() -> Set<String> {
        lock.lock()
        defer { lock.unlock() }
        return Set(watches.keys)
    }

    /// Removes the watches that no file needs any more: a folder that was renamed is still watched by its inode.
    private func set(_ own: Set<CInt>, of file: String) {
        lock.lock()
        defer { lock.unlock() }
        let old = watches.updateValue(own, forKey: file) ?? []
        if own.isEmpty { watches[file] = nil }
        let needed = watches.values.reduce(into: Set<CInt>()) { $0.formUnion($1) }
        for watch in old.subtracting(needed) { inotify_rm_watch(descriptor.rawValue, watch) }
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// The file itself behind all symbolic links; nil when there is none.
    static func target(of path: String) -> String? {
        guard let found = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(found) }
        return unsafe String(cString: found)
    }
}
