/// The result of measuring one row against one subject once: the line that the load generator prints.
public struct Sample: Codable, Equatable, Sendable {
    /// Units of work done in the measured window: connections, requests, bytes or sessions.
    public var units: Double = 0
    /// The length of the window in seconds.
    public var seconds: Double = 0
    /// The subject's processor time and context switches in the window.
    public var subject = Usage()
    /// The load generator's processor time in the window, in nanoseconds.
    public var load: UInt64 = 0
    /// How many cores the load generator had, where it was more than one.
    public var loadCores: Int?
    /// The origin's processor time in the window, in nanoseconds.
    public var origin: UInt64 = 0
    /// The processor time of all other processes on the machine, in nanoseconds; the resolution is 10 ms.
    public var others: UInt64 = 0
    /// Latencies of the exchanges in the window.
    public var latency: Latency?
    /// Latencies before the disturbance began, for rows that have one.
    public var alone: Latency?
    /// Latencies of the short connections beside the work, each from when it was due, for rows that have them.
    public var visits: Latency?
    /// Bytes of the downloads beside the work, for rows that have them.
    public var bulkBytes: Double?
    /// Memory of the sessions, for the row that measures it.
    public var memory: SessionMemory?
    /// The subject's memory at the end of the window, in bytes.
    public var residentBytes = 0
    /// True when the kernel was short of memory for TCP at the end of the window: it then drops what arrives.
    public var isShortOfMemory: Bool?
    /// The number of errors by their description.
    public var errors: [String: Int] = [:]
    /// How often the bytes that came back differed from those that were sent.
    public var mismatches = 0

    /// An empty sample.
    public init() {}

    /// All errors and mismatches.
    public var errorCount: Int { errors.values.reduce(mismatches, +) }
}

/// The memory that all sessions took together, in bytes.
public struct SessionMemory: Codable, Equatable, Sendable {
    /// The number of open sessions.
    public var sessions: Int
    /// The growth of the subject's processes.
    public var user: Int
    /// The growth of the kernel's slabs and socket buffers: for both connections of a session, at both ends.
    public var kernel: Int

    /// The subject's memory per session, in bytes.
    var userEach: Double { Double(user) / Double(max(1, sessions)) }
    /// The kernel's memory per session, in bytes.
    var kernelEach: Double { Double(kernel) / Double(max(1, sessions)) }
}
