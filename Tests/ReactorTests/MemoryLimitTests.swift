import CEpoll
import Glibc
import Testing

@testable import Reactor

/// Files with contents that a test gives; no others.
private final class FilesKernel: ForwardingKernel {
    private let files: [String: String]
    private var open: [CInt: [UInt8]] = [:]

    init(_ files: [String: String]) { self.files = files }

    override func open(_ path: String, flags: CInt) -> CInt {
        guard let text = files[path] else { return -ENOENT }
        let number = super.open("/dev/null", flags: flags)
        open[number] = Array(text.utf8)
        return number
    }

    /// In pieces, as the kernel may give them.
    override func read(_ descriptor: CInt, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
        let piece = open[descriptor, default: []].prefix(min(buffer.count, 100))
        open[descriptor]?.removeFirst(piece.count)
        unsafe buffer.copyBytes(from: piece)
        return piece.count
    }
}

@Suite struct MemoryLimitTests {
    private static let unified = "0::/system.slice/balancer.service\n"
    private static let unifiedMount =
        "29 22 0:26 / /sys/fs/cgroup rw,nosuid,nodev shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

    /// A process under systemd: the limits of the service and of its slice.
    @Test func theGroupsOfVersionTwoUpToTheMount() {
        let files = MemoryLimit.limitFiles(groups: Self.unified, mounts: Self.unifiedMount)
        #expect(
            files == [
                "/sys/fs/cgroup/system.slice/balancer.service/memory.max", "/sys/fs/cgroup/system.slice/memory.max",
                "/sys/fs/cgroup/memory.max",
            ])
    }

    /// A container with a namespace of its own sees its group as the root.
    @Test func aContainersOwnGroup() {
        let files = MemoryLimit.limitFiles(groups: "0::/\n", mounts: Self.unifiedMount)
        #expect(files == ["/sys/fs/cgroup/memory.max"])
    }

    @Test func theGroupsOfVersionOne() {
        let files = MemoryLimit.limitFiles(
            groups: "5:cpu,cpuacct:/x\n4:memory:/a/b\n1:name=systemd:/a/b\n",
            mounts: """
                33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
                35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
                """)
        #expect(
            files == [
                "/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "/sys/fs/cgroup/memory/a/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            ])
    }

    /// A container of version 1 sees its path from outside, and of the hierarchy its own group only.
    @Test func aMountThatBeginsAtTheGroup() {
        let mount = "35 31 0:32 /docker/4f /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
        let files = { MemoryLimit.limitFiles(groups: $0, mounts: mount) }
        #expect(files("4:memory:/docker/4f\n") == ["/sys/fs/cgroup/memory/memory.limit_in_bytes"])
        #expect(
            files("4:memory:/docker/4f/inner\n") == [
                "/sys/fs/cgroup/memory/inner/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            ])
        #expect(files("4:memory:/../other\n") == ["/sys/fs/cgroup/memory/memory.limit_in_bytes"])
    }

    @Test(arguments: ["", "garbage", "0::", "x:y", "0::/a:b\n::"]) func whatIsNoGroupIsNotTaken(text: String) {
        let files = MemoryLimit.limitFiles(groups: text, mounts: Self.unifiedMount + "1 2 3\n- - -\n\n")
        #expect(files.allSatisfy { $0.hasPrefix("/sys/fs/cgroup") })
    }

    @Test func theSmallestLimitCounts() {
        let kernel = FilesKernel([
            "/proc/self/cgroup": Self.unified, "/proc/self/mountinfo": Self.unifiedMount,
            "/sys/fs/cgroup/system.slice/balancer.service/memory.max": "209715200\n",
            "/sys/fs/cgroup/system.slice/memory.max": "104857600\n",
            "/sys/fs/cgroup/memory.max": "max\n",
        ])
        let limit = withScriptedKernel(kernel) { MemoryLimit.ofGroup() }
        #expect(limit == MemoryLimit(.group("/sys/fs/cgroup/system.slice/memory.max"), bytes: 100 << 20))
        #expect(limit?.description == "100 MiB (/sys/fs/cgroup/system.slice/memory.max)")
        #expect(kernel.opened.sorted() == kernel.closed.sorted())
    }

    @Test(arguments: ["max\n", "9223372036854771712\n", "", "x"]) func noLimitIsNone(text: String) {
        let kernel = FilesKernel([
            "/proc/self/cgroup": "0::/\n", "/proc/self/mountinfo": Self.unifiedMount, "/sys/fs/cgroup/memory.max": text,
        ])
        #expect(withScriptedKernel(kernel) { MemoryLimit.ofGroup() } == nil)
    }

    @Test func withoutFilesThereIsNone() {
        #expect(withScriptedKernel(FilesKernel([:])) { MemoryLimit.ofGroup() } == nil)
    }

    /// In a process of its own: the limit is everybody's.
    @Test func theAddressSpaceLessWhatIsMapped() async {
        await #expect(processExitsWith: .success) { exit(findAddressSpaceLimit()) }
    }

    @Test func thisMachineHasMemory() {
        #expect(MemoryLimit.ofMachine().map { $0.bytes > 64 << 20 } == true)
    }
}

/// The exit code of a process that has a limit on address space: all that x86-64 and arm64 have, since a sanitizer maps
/// terabytes.
private func findAddressSpaceLimit() -> CInt {
    let bytes = 1 << 47
    var limit = rlimit(rlim_cur: rlim_t(bytes), rlim_max: rlim_t(bytes))
    guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 else { return 2 }
    guard let found = MemoryLimit.ofAddressSpace(), found.bytes == bytes else { return 3 }
    // The program itself, and not all of it.
    return found.usedBytes > 1 << 20 && found.leftBytes == found.bytes - found.usedBytes ? 0 : 4
}
