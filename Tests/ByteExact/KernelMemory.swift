import Benchmark

/// The kernel's memory for TCP, which all sockets of the machine share. When it runs out, the kernel resets connections
/// whatever their owners do: see `tcp_mem` in tcp(7).
enum KernelMemory {
    /// How many bytes may be on the way to slow readers: a fourth of the memory below which the kernel feels no
    /// pressure. That is 3/64 of the machine's memory (Linux, `tcp_init_mem`), whose setting a network namespace of its
    /// own does not show. Each byte occupies about two in a socket, and other programs have sockets too.
    static var bytesForSlowReaders: Int {
        let kilobytes = (TextFile.read("/proc/meminfo") ?? "").split(separator: "\n")
            .first { $0.hasPrefix("MemTotal:") }
            .flatMap { Int($0.split(separator: " ").dropFirst().first ?? "") }
        return kilobytes.map { $0 * 1024 / 64 * 3 / 4 } ?? 64 << 20
    }

    /// How many connections the kernel has reset for lack of memory, in this network namespace: `TCPAbortOnMemory` in
    /// /proc/net/netstat.
    static var resets: Int {
        var rows = (TextFile.read("/proc/net/netstat") ?? "").split(separator: "\n")
            .filter { $0.hasPrefix("TcpExt:") }.map { $0.split(separator: " ") }
        guard rows.count == 2, let place = rows.removeFirst().firstIndex(of: "TCPAbortOnMemory"), place < rows[0].count
        else { return 0 }
        return Int(rows[0][place]) ?? 0
    }
}
