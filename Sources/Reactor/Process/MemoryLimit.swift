import CEpoll
import Glibc

/// A limit on the memory of this process.
public struct MemoryLimit: Hashable, Sendable {
    /// What sets a limit.
    public enum Source: Hashable, Sendable {
        /// A control group: the file that holds the number.
        case group(String)
        /// RLIMIT_AS.
        case addressSpace
        /// The memory of the machine.
        case machine
    }

    /// What sets it.
    public let source: Source
    /// How much memory it allows.
    public let bytes: Int
    /// How much of that was in use when the limit was read, and stays so: of address space what the program itself takes.
    public let usedBytes: Int

    /// Describes a limit.
    public init(_ source: Source, bytes: Int, usedBytes: Int = 0) {
        self.source = source
        self.bytes = bytes
        self.usedBytes = usedBytes
    }

    /// What is left of it.
    public var leftBytes: Int { max(0, bytes - usedBytes) }

    /// All limits that hold for this process.
    public static func all() -> [MemoryLimit] { [ofGroup(), ofAddressSpace(), ofMachine()].compactMap { $0 } }

    /// The smallest limit of the process's control group and of those around it: `memory.max` (version 2) and
    /// `memory.limit_in_bytes` (version 1). What the kernel holds for the process, such as its sockets, counts too. nil when
    /// there is none.
    public static func ofGroup() -> MemoryLimit? {
        guard let groups = SmallFile.text("/proc/self/cgroup"), let mounts = SmallFile.text("/proc/self/mountinfo")
        else {
            return nil
        }
        return limitFiles(groups: groups, mounts: mounts).compactMap { file in
            // Version 2 has the word `max` where there is no limit, version 1 a number near 2^63.
            SmallFile.text(file).flatMap { Int($0.prefix { $0.isNumber }) }
                .map { MemoryLimit(.group(file), bytes: $0) }
        }.min { $0.bytes < $1.bytes }.flatMap { $0.bytes < unlimited ? $0 : nil }
    }

    /// RLIMIT_AS: how much may be mapped, used or not. nil when there is none.
    public static func ofAddressSpace() -> MemoryLimit? {
        var limit = rlimit()
        guard LinuxKernel.addressSpaceLimit(&limit) == 0, limit.rlim_cur < UInt64(unlimited) else { return nil }
        return MemoryLimit(.addressSpace, bytes: Int(limit.rlim_cur), usedBytes: mappedBytes())
    }

    /// The memory of the machine; nil when the kernel does not tell.
    public static func ofMachine() -> MemoryLimit? {
        let pages = sysconf(CInt(_SC_PHYS_PAGES))
        return pages > 0 ? MemoryLimit(.machine, bytes: pages * ByteBuffer.pageBytes) : nil
    }

    /// How much this process has mapped so far: the first number of /proc/self/statm, in pages.
    private static func mappedBytes() -> Int {
        SmallFile.text("/proc/self/statm").flatMap { Int($0.prefix { $0.isNumber }) }.map { $0 * ByteBuffer.pageBytes }
            ?? 0
    }

    /// Throws unless `bytes` more could be mapped now. A check before many small allocations: one of these that fails ends
    /// the process without a word about the limit. Where address space is limited, threads started later share one heap.
    public static func checkRoom(_ bytes: Int) throws(SystemCallError) {
        if ofAddressSpace() != nil { cepoll_share_heap() }
        guard let memory = unsafe kernel.mapMemory(bytes: bytes) else {
            throw SystemCallError(call: "mmap", subject: "\(bytes >> 20) MiB", errno: .outOfMemory)
        }
        unsafe LinuxKernel.unmapMemory(memory, bytes: bytes)
    }

    /// No machine has so much; more than that is a word for no limit.
    private static let unlimited = 1 << 50

    // MARK: control groups

    /// The files with the limits that hold for a process, from its own group up to the outermost that it can see.
    ///
    /// - Parameters:
    ///   - groups: /proc/self/cgroup: a line `hierarchy:controllers:path` each.
    ///   - mounts: /proc/self/mountinfo: what of a hierarchy is mounted, and where.
    static func limitFiles(groups: String, mounts: String) -> [String] {
        var files: [String] = []
        for line in groups.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let isUnified = parts[0] == "0" && parts[1].isEmpty
            guard isUnified || parts[1].split(separator: ",").contains("memory") else { continue }
            for mount in mounts.split(separator: "\n") {
                guard let (root, point) = mountOfMemory(mount, isUnified: isUnified) else { continue }
                let name = isUnified ? "memory.max" : "memory.limit_in_bytes"
                files += folders(of: String(parts[2]), below: root).map { "\(point)\($0)/\(name)" }
            }
        }
        return files
    }

    /// Which part of a hierarchy is mounted, and where: of a line
    /// `36 32 0:31 ROOT POINT rw,relatime - cgroup2 cgroup2 rw` or `... - cgroup cgroup rw,memory`.
    private static func mountOfMemory(_ line: Substring, isUnified: Bool) -> (root: String, point: String)? {
        let words = line.split(separator: " ")
        guard let dash = words.firstIndex(of: "-"), dash >= 5, words.count > dash + 3 else { return nil }
        let isWanted =
            isUnified
            ? words[dash + 1] == "cgroup2"
            : words[dash + 1] == "cgroup" && words[dash + 3].split(separator: ",").contains("memory")
        return isWanted ? (String(words[3]), String(words[4])) : nil
    }

    /// `/a/b`, `/a` and the empty path of a group `ROOT/a/b`. A container may see a mount that begins below or beside its
    /// group's path: then only the mount itself is known to hold.
    private static func folders(of group: String, below root: String) -> [String] {
        let root = root == "/" ? "" : root
        guard group.hasPrefix(root + "/"), !group.contains("/..") else { return [""] }
        var rest = group.dropFirst(root.utf8.count)
        var folders: [String] = []
        while rest.hasPrefix("/"), rest.count > 1 {
            folders.append(String(rest))
            rest = rest[..<(rest.lastIndex(of: "/") ?? rest.startIndex)]
        }
        return folders + [""]
    }
}

extension MemoryLimit: CustomStringConvertible {
    /// `100 MiB (/sys/fs/cgroup/a/memory.max)`
    public var description: String {
        let size = bytes >= 1 << 20 ? "\(bytes >> 20) MiB" : "\(bytes >> 10) KiB"
        return switch source {
        case .group(let file): "\(size) (\(file))"
        case .addressSpace: "\(size) of address space (ulimit -v, LimitAS=)"
        case .machine: "\(size) (this machine)"
        }
    }
}
