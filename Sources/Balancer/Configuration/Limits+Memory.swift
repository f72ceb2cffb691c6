import Reactor

// How limits on memory bound a balancer.
extension Limits {
    /// What an idle session takes of a control group's memory: 5.7 KiB measured, nearly all of it the kernel's, for two
    /// sockets. Buffers of sockets that hold something come on top.
    public static let sessionBytes = 6 * 1024
    /// What a session takes of address space: its places in the tables and queues, 216 bytes, while these are doubled
    /// and moved.
    public static let sessionAddressBytes = 3 * 216
    /// Blocks may take this fraction of a limit, and the kernel's full buffers as much: 256 MiB each of 1 GiB.
    public static let blocksFraction = 4

    /// How many blocks limits on memory allow, at least one: with less memory, bytes that a slow side does not take stay in
    /// the socket of the other one, which costs a second read.
    public static func blocksMax(memory limits: [MemoryLimit]) -> Int {
        let standard = Limits()
        let allowed = limits.map { $0.leftBytes / blocksFraction / standard.chunkBytes }.min() ?? .max
        return max(1, min(standard.blocksMax, allowed))
    }

    /// What a direction with a full kernel buffer takes of the kernel's memory for sockets: see ``stalledMax``.
    static let stalledBytes = 1152 * 1024

    /// How many directions with full kernel buffers limits on memory allow, at least one; these buffers take no address
    /// space.
    public static func stalledMax(memory limits: [MemoryLimit]) -> Int {
        let allowed =
            limits.lazy.filter { $0.source != .addressSpace }
            .map { $0.leftBytes / blocksFraction / stalledBytes }.min() ?? .max
        return max(1, min(Limits().stalledMax, allowed))
    }

    /// How many idle sessions fit into a limit, besides the blocks.
    public static func sessionsMax(memory limit: MemoryLimit) -> Int {
        let bytes = limit.source == .addressSpace ? sessionAddressBytes : sessionBytes
        return (limit.leftBytes - limit.leftBytes / blocksFraction) / bytes
    }
}
